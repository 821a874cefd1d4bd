"""Hits over HTTP: statistics, pages, organisms, queries, coordinates and exports."""

import gzip
import json
from collections.abc import Mapping
from typing import Any

import pytest

from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.hits.columns import STANDARD
from tests.support.samples import job
from tests.triggers.conftest import Store, body, refused
from triggers.auth.callers import LOCAL
from triggers.http.hits import handlers
from triggers.http.responses import Handler

OF_HITS: Mapping[str, Handler] = {
    "aggregate": handlers.aggregate_hits,
    "alignments": handlers.list_alignments,
    "taxonomy": handlers.list_organisms,
    "queries": handlers.list_queries,
    "coverage": handlers.read_coverage,
    "coordinates": handlers.list_coordinates,
    "export": handlers.export_hits,
}


def row(query: str, subject: str, pident: float = 98.5, evalue: str = "1e-40") -> str:
    return f"{query}\t{subject}\t{pident}\t100\t1\t0\t1\t100\t5\t104\t{evalue}\t180\n"


FIRST = (row("q1", "s1", 100.0) + row("q1", "s2", 71.5, "0.002") + row("q2", "s1")).encode()
SECOND = row("q3", "s3", 90.0, "0.0").encode()
FILES = {"batch_000-blastn-db.out.gz": FIRST, "batch_001-blastn-db.out.gz": SECOND}


@pytest.fixture(scope="module")
async def done(store: Store) -> Job:
    """A completed job, which tests only read."""
    return await store.completed(FILES)


async def stats(store: Store, one: Job, **query: Any) -> dict[str, Any]:
    answer = await store.ask(handlers.aggregate_hits, one, **query)
    result: dict[str, Any] = body(answer)["stats"]
    return result


async def alignments(store: Store, one: Job, **query: Any) -> dict[str, Any]:
    return body(await store.ask(handlers.list_alignments, one, **query))


def filled(bins: dict[str, int]) -> dict[str, int]:
    return {bin: count for bin, count in bins.items() if count}


async def test_statistics_cover_all_hits_of_all_files(store: Store, done: Job) -> None:
    answer = body(await store.ask(handlers.aggregate_hits, done))
    result = answer["stats"]
    assert (answer["job_id"], answer["status"]) == (done.job_id, "ok")
    assert (result["total_hits"], result["unique_queries"], result["unique_subjects"]) == (4, 3, 3)
    assert result["top_subjects"][0] == {"id": "s1", "count": 2}
    assert result["avg_identity"] == pytest.approx((100 + 71.5 + 98.5 + 90) / 4)
    assert (result["avg_bitscore"], result["max_bitscore"], result["min_evalue"]) == (180, 180, 0)
    assert (result["files_parsed"], result["total_files"], result["truncated"]) == (2, 2, False)
    assert filled(result["identity_distribution"]) == {"70 to 75": 1, "90 to 95": 1, "95 to 100": 2}
    assert filled(result["evalue_distribution"]) == {
        "0 to 1e-180": 1,
        "1e-50 to 1e-20": 2,
        "0.001 to 0.1": 1,
    }
    assert (await stats(store, done, query_id="q1"))["total_hits"] == 2


async def test_failure_40_a_damaged_file_does_not_hide_the_others(store: Store) -> None:
    broken = gzip.compress(FIRST)[:-9]
    wrong = FIRST + b"q9\ts9\n"
    files = {**FILES, "batch_002-blastn-db.out.gz": broken, "batch_003-blastn-db.out.gz": wrong}
    one = await store.completed(files)
    result = await stats(store, one)
    assert (result["files_parsed"], result["total_files"], result["truncated"]) == (2, 4, True)
    assert [(f["name"], f["code"]) for f in result["files_unreadable"]] == [
        ("batch_002-blastn-db.out.gz", "file_damaged"),
        ("batch_003-blastn-db.out.gz", "file_damaged"),
    ]
    assert "line 4 of the file is not a hit" in result["files_unreadable"][1]["message"]
    page = await alignments(store, one)
    assert (page["total_hits"], page["read_failures"], page["truncated"]) == (4, 2, True)
    answer = await store.ask(handlers.export_hits, one)
    assert refused(answer) == (409, "file_damaged")
    assert b"batch_002-blastn-db.out.gz" in answer.get_body()
    whole = await store.ask(handlers.export_hits, one, file="batch_001-blastn-db.out.gz")
    assert whole.status_code == 200


async def test_no_results_and_no_hits_have_different_statuses(store: Store) -> None:
    none = job(77, owner=LOCAL, phase=Phase.RUNNING)
    await store.clients.jobs.create(none, {})
    assert body(await store.ask(handlers.aggregate_hits, none)) == {
        "job_id": none.job_id,
        "status": "no_results",
        "stats": None,
    }
    empty = await store.completed({"batch_000-blastn-db.out.gz": b""})
    answer = body(await store.ask(handlers.aggregate_hits, empty))
    assert (answer["status"], answer["stats"]["total_hits"]) == ("no_hits", 0)
    assert answer["stats"]["avg_identity"] is None
    for name, handler in OF_HITS.items():
        if name != "aggregate":
            assert refused(await store.ask(handler, none)) == (404, "no_results")
            assert (await store.ask(handler, empty)).status_code == 200


@pytest.mark.parametrize("outfmt", ["11", "0", "15"])
async def test_failure_40_an_unreadable_format_is_named(store: Store, outfmt: str) -> None:
    one = await store.completed(FILES, outfmt)
    for handler in OF_HITS.values():
        assert refused(await store.ask(handler, one)) == (409, "format_not_readable")


async def test_failure_58_a_page_is_of_the_hits_of_all_files(store: Store, done: Job) -> None:
    first = await alignments(store, done, page_size="3", subscription_id="x", storage_account="y")
    assert first["blob_names"] == list(FILES)
    assert (first["total_hits"], first["filtered_hits"], first["returned"]) == (4, 4, 3)
    assert (first["page"], first["page_size"], first["pages"]) == (1, 3, 2)
    assert (first["files_parsed"], first["total_files"]) == (2, 2)
    assert first["query_ids"] == ["q1", "q2", "q3"]
    assert first["alignments"][0] == {
        **dict.fromkeys(STANDARD, 1),
        "qseqid": "q3",
        "sseqid": "s3",
        "pident": 90.0,
        "length": 100,
        "gapopen": 0,
        "qend": 100,
        "sstart": 5,
        "send": 104,
        "evalue": 0.0,
        "bitscore": 180.0,
        "query": 3,
        "source_blob": "batch_001-blastn-db.out.gz",
    }
    assert first["subject_aggregates"][0] == {
        "sseqid": "s1",
        "max_bitscore": 180,
        "total_bitscore": 360,
        "hsp_count": 2,
    }
    second = await alignments(store, done, page_size="3", page="2")
    assert [hit["sseqid"] for hit in second["alignments"]] == ["s2"]
    assert (await alignments(store, done, page="9"))["alignments"] == []


@pytest.mark.parametrize(
    ("query", "subjects"),
    [
        ({"query_id": "q1", "sort_by": "pident"}, ["s2", "s1"]),
        ({"sort_by": "evalue", "sort_dir": "desc", "max_alignments": "1"}, ["s2"]),
        ({"min_identity": "95", "sort_by": "pident", "sort_dir": "desc"}, ["s1", "s1"]),
        ({"max_evalue": "1e-30", "subject_id": "S1"}, ["s1", "s1"]),
        ({"blob_name": "batch_001-blastn-db.out.gz"}, ["s3"]),
        ({"text": "q2"}, ["s1"]),
        ({"organism": "s3"}, ["s3"]),
        ({"taxid": "9606"}, []),
        ({"min_query_cover": "1"}, []),
    ],
    ids=str,
)
async def test_a_page_is_filtered_and_sorted(
    store: Store, done: Job, query: dict[str, str], subjects: list[str]
) -> None:
    page = await alignments(store, done, **query)
    assert [hit["sseqid"] for hit in page["alignments"]] == subjects


@pytest.mark.parametrize("name", OF_HITS)
async def test_a_parameter_that_is_not_known_is_refused_by_name(
    store: Store, done: Job, name: str
) -> None:
    answer = await store.ask(OF_HITS[name], done, min_idenity="90")
    assert refused(answer) == (422, "validation_error")
    assert json.loads(answer.get_body())["detail"]["errors"][0]["loc"] == ["min_idenity"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("max_alignments", value) for value in ("0", "501", "-1", "x", "1.0")),
        *(("page", "0"), ("page_size", "501"), ("sort_by", "stitle; drop"), ("sort_dir", "up")),
        *(("min_identity", "101"), ("min_identity", "nan"), ("max_evalue", "inf")),
        *(("max_evalue", "-1"), ("taxid", "human"), ("subject_id", "b")),
    ],
)
async def test_a_wrong_value_is_refused_by_name(
    store: Store, done: Job, name: str, value: str
) -> None:
    query: dict[str, Any] = {name: value}
    if name == "subject_id":
        query["subject"] = "a"
    answer = await store.ask(handlers.list_alignments, done, **query)
    assert refused(answer) == (422, "validation_error")
    assert name.encode() in answer.get_body()


async def test_organisms_are_counted_or_the_columns_to_request_named(
    store: Store, done: Job
) -> None:
    text = b"q\ts\t1e-9\t50\t9606\tHomo sapiens\nq\tt\t1e-5\t40\t9606\tHomo sapiens\n"
    outfmt = "6 qseqid sseqid evalue bitscore staxids sscinames"
    one = await store.completed({"batch_000-blastn-db.out.gz": text}, outfmt)
    found = body(await store.ask(handlers.list_organisms, one, include_lineage="true"))
    assert found["organisms"] == [
        {
            "key": "homo sapiens",
            "organism": "Homo sapiens",
            "taxid": "9606",
            "count": 2,
            "best_evalue": 1e-9,
            "top_bitscore": 50.0,
            "organism_source": "sscinames",
        }
    ]
    assert found["lineage"] == {"requested": True, "looked_up": 0, "failed": 0}
    none = body(await store.ask(handlers.list_organisms, done))
    assert none["organisms"] == []
    assert "staxids sscinames" in none["message"]


async def test_queries_are_listed_with_and_without_hits(store: Store, done: Job) -> None:
    listed = body(await store.ask(handlers.list_queries, done, sort_by="hits", sort_dir="desc"))
    assert [(query["query_id"], query["hits"]) for query in listed["queries"]] == [
        *(("q1", 2), ("q2", 1), ("q3", 1))
    ]
    assert (listed["total"], listed["matching"], listed["without_hits"]) == (3, 3, 0)
    none = body(await store.ask(handlers.list_queries, done, hits="none"))
    assert (none["queries"], none["matching"], none["pages"]) == ([], 0, 0)


async def test_coordinates_are_of_the_hits_that_pass(store: Store, done: Job) -> None:
    found = body(await store.ask(handlers.list_coordinates, done, min_identity="95"))
    assert (found["returned"], found["filtered_hits"]) == (2, 2)
    assert found["columns"]["sseqid"] == ["s1", "s1"]
    assert found["columns"]["send"] == [104, 104]
