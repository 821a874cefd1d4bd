"""Searches of databases in shards, and warnings that storage gives rise to, by HTTP."""

import uuid
from typing import Any

from tests.triggers.http.clients import ok, send_json
from tests.triggers.http.conftest import RunningApp

SHARDED: dict[str, Any] = {
    "program": "blastn",
    "db": "nucs",
    "query_data": ">q\nACGT\n",
    "db_partitions": 2,
    "num_nodes": 2,
}
LETTERS = 40
"""Of the database nucs, by its metadata."""


async def options(app: RunningApp, body: dict[str, Any]) -> str:
    job_id = ok(send_json(app, "POST", "blast/jobs", body), 202)["job_id"]
    return (await app.jobs.get(job_id)).search.options


async def test_a_search_in_shards_gets_the_size_of_the_whole_database(
    running_app: RunningApp,
) -> None:
    assert await options(running_app, SHARDED) == f"-outfmt 5 -dbsize {LETTERS}"
    given = SHARDED | {"additional_options": "-searchsp 99"}
    assert await options(running_app, given) == "-outfmt 5 -searchsp 99"
    assert await options(running_app, SHARDED | {"db_partitions": 0}) == "-outfmt 5"


async def test_each_search_of_a_batch_gets_the_size_of_its_own_database(
    running_app: RunningApp,
) -> None:
    body = {"num_nodes": 2, "searches": [SHARDED, {**SHARDED, "db_partitions": 0}]}
    assert await options(running_app, body) == ""
    assert await options(running_app, {"searches": [SHARDED] * 2}) == f"-outfmt 5 -dbsize {LETTERS}"


def test_an_unknown_size_of_a_database_in_shards_is_a_warning(running_app: RunningApp) -> None:
    body = SHARDED | {"db": "later"}  # it may still be copied
    accepted = ok(send_json(running_app, "POST", "blast/jobs", body), 202)
    (warning,) = accepted["meta"]["warnings"]
    assert warning.startswith("E-values will be those of single shards: the size of ")
    given = body | {"additional_options": "-dbsize 40"}
    assert "warnings" not in ok(send_json(running_app, "POST", "blast/jobs", given), 202)["meta"]


def test_shards_that_are_not_there_are_refused(running_app: RunningApp) -> None:
    body = SHARDED | {"db_partitions": 3, "num_nodes": 3}
    status, answer = send_json(running_app, "POST", "blast/jobs", body)
    (error,) = answer["detail"]["errors"]
    assert (status, error["loc"]) == (422, ["db_partitions"])
    assert error["msg"].startswith("2 of 3 shards are at https://")


def test_shards_are_no_databases_of_the_list(running_app: RunningApp) -> None:
    names = {one["name"] for one in running_app.api.get("/api/blast/databases")["databases"]}
    assert {"nucs", "mine"} <= names
    assert not [name for name in names if "_shard_" in name]


async def test_warnings_of_a_named_query_are_the_same_in_a_pre_flight_and_in_a_replay(
    running_app: RunningApp,
) -> None:
    url = running_app.account.url("queries", f"{uuid.uuid4().hex}.fa")
    await running_app.blobs.put(url, b">a\nAC-GT\n>a\nACGT\n")
    body = {"program": "blastn", "db": "nucs", "query_blob_url": url, "idempotency_key": url[-40:]}
    preflight = ok(send_json(running_app, "POST", "blast/pre-flight", body))
    details = {check["id"]: check.get("detail") for check in preflight["checks"]}
    assert details["fasta_format"] == (
        "2 sequences, 8 residues, 1 batches of at most 100,000; looks like nucleotides"
    )
    first, second = (ok(send_json(running_app, "POST", "blast/jobs", body), 202) for _ in range(2))
    assert first["meta"]["warnings"] == preflight["warnings"]
    assert first["meta"]["warnings"] == [
        f"query_blob_url {url} has 1 gaps ('-'), which were removed",
        f"query_blob_url {url} has 1 sequences with the name of an earlier one, such as at lines 1"
        " and 3: their hits cannot be distinguished",
    ]
    assert second["meta"]["warnings"] == first["meta"]["warnings"]


async def test_a_named_query_is_held_to_the_rules_of_shards(running_app: RunningApp) -> None:
    url = running_app.account.url("queries", f"{uuid.uuid4().hex}.fa")
    await running_app.blobs.put(url, b">a\nACGT\n>b\nACGT\n")
    body = {**SHARDED, "query_data": None, "query_blob_url": url, "batch_len": 4}
    status, answer = send_json(running_app, "POST", "blast/jobs", body)
    assert (status, answer["detail"]["errors"][0]["loc"]) == (422, ["outfmt"])
