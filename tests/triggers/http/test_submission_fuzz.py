"""Random submissions with databases in shards, options and named queries: none is a server error.

Most of them can be accepted, and the rest has one odd value. The counts show that these fields are
really in play.
"""

import json
import logging
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from azure.functions import HttpRequest, HttpResponse

from local.azurite import Azurite
from tests.support.blast_oracle import NUCLEOTIDE_QUERY
from tests.support.dependencies import opened
from tests.support.random_requests import random_request
from tests.triggers.auth.app import Durable
from tests.triggers.http.conftest import put_databases
from triggers.http.jobs import submit_job
from triggers.http.preflight import pre_flight
from triggers.http.services import HttpServices

SHARDED = ("nucs/nucs", "custom/db/mine", "nt", "blast-db/core_nt/core_nt")
MERGEABLE = (6, 7, 7, 5, "6 std staxids", "7 qaccver sseqid evalue bitscore", 0, 11)
PREFIXES = (
    *("2shards/nucs_shard_", "custom/2shards/mine_shard_", "2shards/nt_shard_"),
    *("9shards/nucs_shard_", "../2shards/nucs_shard_", "", "/"),
)
ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**31, 2**63, 10**400, 1e308, 0.5, "", " ", "\x00", "\ud800", "é" * 300),
    *("../..", "https://[x", "٣", "NaN", [], [1], {}, {"a": {"a": {}}}, "x" * 70_000),
)
PLAYED = (
    "db_partitions",
    "db_partition_prefix",
    "query_blob_url",
    "additional_options",
    "searches",
)
QUERIES = {
    "fuzz/nucleotides.fa": ">a\nACGTACGTACGTTGCATTGCAACGT\n>b\nACGTTGCAGGTACCATGCAT\n",
    "fuzz/proteins.fa": ">p\nMKVLAAGIVGLCAKWYTRESDFNQHKPM\n",
    "fuzz/bad.fa": " >indented\nACGT\n",
    "fuzz/empty.fa": "",
}


def fuzzed(chance: random.Random) -> dict[str, Any]:
    """A request; one of four has an odd value."""
    body = random_request(chance)
    if chance.random() < 0.7:
        # What is random in each of them fits seldom together.
        seldom = ("mem_request", "mem_limit", "machine_type", "batch_len")
        body = {name: value for name, value in body.items() if name not in seldom}
        body["db"] = chance.choice(("nucs/nucs", "prots/prots", "nt", "My_Db.v2"))
    if chance.random() < (0.8 if body["program"] in ("blastn", "tblastn", "tblastx") else 0.1):
        body |= {"db": chance.choice(SHARDED), "outfmt": chance.choice(MERGEABLE)}
        body |= {"db_partitions": chance.choice((1, 2, 2, 2, 3, 10)), "num_nodes": 10}
        if chance.random() < 0.5:
            body.pop("additional_options", None)
    if chance.random() < 0.2:
        body["db_partition_prefix"] = chance.choice(PREFIXES)
    if chance.random() < 0.4:
        del body["query_data"]
        fitting = "nucleotides" if body["program"] in _NUCLEOTIDE else "proteins"
        names = (f"fuzz/{fitting}.fa", *([f"fuzz/{fitting}.fa"] * 4), *QUERIES, "fuzz/gone.fa")
        body["query_blob_url"] = chance.choice(names)
    if chance.random() < 0.2:
        body["searches"] = [{"evalue": number + 1} for number in range(chance.randint(1, 3))]
    if chance.random() < 0.25:
        body[chance.choice([*body, *PLAYED])] = chance.choice(ODD)
    return body


_NUCLEOTIDE = frozenset(program.value for program in NUCLEOTIDE_QUERY)


@pytest.fixture(scope="module")
async def services(azurite: Azurite) -> AsyncIterator[HttpServices]:
    limits = {"max_active_jobs": "100000", "request_rate_limit": "100000/1s"}
    async with opened(azurite, {}, **limits) as clients:
        await clients.blobs.ensure("queries", "blast-db", "results")
        await put_databases(clients.blobs, clients.account)
        for name, text in QUERIES.items():
            await clients.blobs.put(clients.account.url("queries", name), text.encode())
        yield HttpServices(clients)


async def send(services: HttpServices, path: str, body: dict[str, Any]) -> HttpResponse:
    data = json.dumps(body).encode()
    request = HttpRequest("POST", f"http://127.0.0.1:7071/api/blast/{path}", body=data)
    if path == "preflight":
        return await pre_flight(services, req=request)
    return await submit_job(services, request, Durable())


async def run(services: HttpServices, seed: int, count: int) -> Counter[str]:
    """Send so many requests; the number of accepted ones with each field, and of refused ones."""
    chance, counts = random.Random(seed), Counter[str]()
    for number in range(count):
        body = fuzzed(chance)
        answer = await send(services, "jobs", body)
        assert answer.status_code < 500, (seed, number, body, answer.get_body()[:500])
        is_accepted = answer.status_code == 202
        counts["accepted" if is_accepted else f"refused {answer.status_code}"] += 1
        counts.update(name for name in PLAYED if is_accepted and body.get(name))
        if number % 5 == 0:
            looked = await send(services, "preflight", body)
            assert looked.status_code < 500, (seed, number, body, looked.get_body()[:500])
    return counts


async def test_random_submissions_are_accepted_or_refused(
    services: HttpServices, caplog: pytest.LogCaptureFixture
) -> None:
    counts = await run(services, seed=1, count=150)
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []
    assert [name for name in PLAYED if counts[name] < 2] == [], counts


@pytest.mark.acceptance
@pytest.mark.timeout(1800)
async def test_many_random_submissions_are_accepted_or_refused(
    services: HttpServices, caplog: pytest.LogCaptureFixture
) -> None:
    counts = await run(services, seed=2, count=3000)
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []
    logging.getLogger("fuzz").warning("%s", dict(counts))
    assert [name for name in PLAYED if counts[name] < 50] == [], counts
