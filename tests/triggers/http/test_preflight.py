"""Failure 59: a pre-flight is ready if and only if the submission would be accepted."""

import json
from typing import Any

import pytest

from tests.triggers.http.clients import ok, send_json
from tests.triggers.http.conftest import RunningApp

WHOLE: dict[str, Any] = {"program": "blastn", "db": "nucs", "query_data": ">q\nACGT\n"}
NOT_HERE = {"aks_cluster", "terminal_sidecar"}
"""Checks of the cluster and sidecar fail for every search: the test has neither."""
FORM = {
    "subscription_id": "11111111-2222-3333-4444-555555555555",
    "resource_group": "local",
    "region": "local",
    "storage_account": "devstoreaccount1",
    "aks_cluster_name": "local",
    "acr_name": "localacr",
    "acr_resource_group": "local",
    "low_complexity_filter": True,
    "additional_options": "-dust yes -soft_masking false",
    "machine_type": "Standard_E16s_v5",
    "num_nodes": 1,
    "mem_request": "8Gi",
    "mem_limit": "24Gi",
    "sharding_mode": "off",
    "enable_warmup": False,
}
"""The fields that the newest dashboard sends beside program, database and query."""
SHARDED = {"db_partitions": 2, "num_nodes": 2}
ACCEPTED = [
    {},
    FORM,
    FORM | {"db": "blast-db/nucs/nucs"},
    FORM | {"additional_options": "-query_loc 1-3 -window_masker_taxid 9606 -task blastn-short"},
    {"word_size": 11, "additional_options": "-word_size 28"},
    {"db": "blast-db/custom/db/mine"},
    {"options": FORM},
    {"searches": [{}, {"query_data": ">r\nGGGG"}]},
    SHARDED,
    SHARDED | {"db_partition_prefix": "blast-db/2shards/nucs_shard_", "outfmt": "7 std staxids"},
    SHARDED | {"program": "tblastn", "outfmt": 6},
    {"num_nodes": 2, "searches": [SHARDED, {}]},
]
REFUSED = [
    {"program": "blat"},
    {"program": "blastp"},
    {"db": "prots"},
    {"db": "../secrets"},
    {"query_data": "no fasta"},
    {"query_data": ">q\nMKVLE"},
    {"query_data": None, "query_blob_url": "queries/none.fa"},
    {"query_data": None, "query_blob_url": f"job-{0:032x}/q.fa"},
    {"query_blob_url": "queries/none.fa"},
    {"evalue": -1},
    {"outfmt": "5 qseqid"},
    {"additional_options": "-dust yes -dust no"},
    {"additional_options": "-window_masker_db x"},
    {"additional_options": "-query_loc 9-1"},
    {"additional_options": "-taxids 1 -negative_taxids 2"},
    {"resource_group": "elsewhere"},
    {"region": "elsewhere"},
    {"storage_account": "other"},
    {"aks_cluster_name": "other"},
    {"num_nodes": 1000},
    {"mem_limit": "much"},
    {"mem_limit": "1G"},
    {"machine_type": "Standard_D4s_v5"},
    {"db": "n" * 34},
    {"outfmt": 13},
    {"gap_open": 5},
    {"query_data": ">q\nAC\n >r\nAC"},
    {"query_data": ">β\nACGT", "outfmt": 5},
    {"external_correlation_id": "a\nb"},
    {"options": "-evalue 1"},
    {"searches": []},
    {"searches": [{}, {"db": "prots"}, {"word_size": 1}]},
    {"searches": [{}, {"db": "prots"}]},
    SHARDED | {"num_nodes": 1},
    SHARDED | {"db_partition_prefix": "../.."},
    SHARDED | {"db_partitions": 3, "num_nodes": 3},
    SHARDED | {"db_partition_prefix": "blast-db/none/nucs_shard_"},
    SHARDED | {"program": "blastp", "db": "prots"},
    SHARDED | {"db": "custom/db/mine"},
    SHARDED | {"outfmt": 0},
    SHARDED | {"query_data": ">a\nACGT\n>b\nACGT", "batch_len": 4},
    {"searches": [{}, SHARDED | {"outfmt": "6 qseqid sseqid"}]},
]


def checks(app: RunningApp, body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the checks of a pre-flight by id; assert that `ready` agrees with them."""
    answer = ok(send_json(app, "POST", "blast/pre-flight", body))
    result = {one["id"]: one for one in answer["checks"]}
    failed = [one for one in result.values() if one["status"] == "fail"]
    assert (answer["ready"], answer["critical_blockers"]) == (not failed, len(failed))
    return result


def failed(result: dict[str, dict[str, Any]]) -> set[str]:
    return {name for name, one in result.items() if one["status"] == "fail"}


@pytest.mark.parametrize("changes", ACCEPTED, ids=json.dumps)
def test_an_accepted_search_had_a_ready_pre_flight(
    running_app: RunningApp, changes: dict[str, Any]
) -> None:
    result = checks(running_app, WHOLE | changes)
    assert failed(result) == NOT_HERE
    assert "not served" not in result["aks_cluster"]["detail"]
    ok(send_json(running_app, "POST", "blast/jobs", WHOLE | changes), 202)


@pytest.mark.parametrize("changes", REFUSED, ids=json.dumps)
def test_a_refused_search_had_no_ready_pre_flight(
    running_app: RunningApp, changes: dict[str, Any]
) -> None:
    status, body = send_json(running_app, "POST", "blast/jobs", WHOLE | changes)
    assert status == 422
    details = " ".join(
        one.get("detail", "") for one in checks(running_app, WHOLE | changes).values()
    )
    assert [one["msg"] for one in body["detail"]["errors"] if one["msg"] not in details] == []


def test_a_pre_flight_says_what_the_query_is_and_what_would_be_changed(
    running_app: RunningApp,
) -> None:
    body = WHOLE | {"query_data": ">\nAC-GT\n>b\nACGTA\n", "batch_len": 5, "colour": "red"}
    answer = ok(send_json(running_app, "POST", "blast/pre-flight", body))
    details = {one["id"]: one.get("detail") for one in answer["checks"]}
    assert details["fasta_format"] == (
        "2 sequences, 9 residues, 2 batches of at most 5; looks like nucleotides"
    )
    assert answer["warnings"] == [
        "colour is an unknown field and is ignored",
        "query_data has 1 gaps ('-'), which were removed",
        "query_data has 1 sequences without a name: they are called Query_ and their number",
    ]


FIELDS = [
    ({"query_data": "no fasta"}, "fasta_format"),
    ({"db": "../x"}, "blast_db"),
    ({"db": "prots"}, "blast_db"),
    ({"storage_account": "other"}, "storage_containers"),
    ({"evalue": -1}, "search_options"),
    ({"additional_options": "-remote"}, "search_options"),
    ({"searches": [{"evalue": -1}]}, "search_options"),
    ({"searches": [{"db": "../x"}]}, "blast_db"),
]


@pytest.mark.parametrize(("changes", "name"), FIELDS, ids=str)
def test_a_fault_fails_the_check_of_its_field(
    running_app: RunningApp, changes: dict[str, Any], name: str
) -> None:
    assert failed(checks(running_app, WHOLE | changes)) == NOT_HERE | {name}


def test_a_cluster_that_is_not_served_is_named(running_app: RunningApp) -> None:
    cluster = checks(running_app, WHOLE | {"aks_cluster_name": "other"})["aks_cluster"]
    assert "this deployment does not serve 'other'" in cluster["detail"]


@pytest.mark.parametrize("name", ["program", "db", "query_data"])
def test_missing_fields_do_not_fail_a_check(running_app: RunningApp, name: str) -> None:
    """The dashboard's forms send no program, and run the pre-flight before the form is complete."""
    body = {key: value for key, value in (WHOLE | FORM).items() if key != name}
    assert failed(checks(running_app, body)) == NOT_HERE
    assert failed(checks(running_app, body | {"evalue": -1})) == NOT_HERE | {"search_options"}


def test_a_missing_database_fails_although_it_would_be_accepted(
    running_app: RunningApp,
) -> None:
    result = checks(running_app, WHOLE | {"db": "none"})
    assert failed(result) == NOT_HERE | {"blast_db"}
    assert result["blast_db"]["detail"] == "there is no none"
