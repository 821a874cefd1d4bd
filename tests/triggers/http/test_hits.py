"""Hits over HTTP: statistics, first hits and exports."""

import csv
import gzip
import io
import json
from typing import Any

import pytest

from shared.blast.result_files import AGGREGATE, AGGREGATING
from shared.contracts.states import Phase
from shared.hits import COLUMNS
from shared.util.threads import in_thread
from tests.support.samples import job
from tests.triggers.conftest import Store, body, refused
from triggers.auth.callers import LOCAL
from triggers.http.hits import export, handlers
from triggers.http.hits.aggregate import TIME_LIMIT, Aggregation
from triggers.http.hits.page import AlignmentsPage
from triggers.http.result_files import hits_of


def row(query: str, subject: str, pident: float = 98.5, evalue: str = "1e-40") -> str:
    return f"{query}\t{subject}\t{pident}\t100\t1\t0\t1\t100\t5\t104\t{evalue}\t180\n"


FIRST = (row("q1", "s1", 100.0) + row("q1", "s2", 71.5, "0.002") + row("q2", "s1")).encode()
SECOND = row("q3", "s3", 90.0, "0.0").encode()
FILES = {"batch_000-blastn-db.out.gz": FIRST, "batch_001-blastn-db.out.gz": SECOND}


async def stats(store: Store, one: Any) -> dict[str, Any]:
    result: dict[str, Any] = body(await store.ask(handlers.aggregate_hits, one))["stats"]
    return result


def filled(bins: dict[str, int]) -> dict[str, int]:
    return {bin: count for bin, count in bins.items() if count}


async def test_statistics_cover_all_hits_of_all_files(store: Store) -> None:
    stored = await store.completed(FILES)
    answer = body(await store.ask(handlers.aggregate_hits, stored))
    result = answer["stats"]
    assert (answer["job_id"], answer["status"]) == (stored.job_id, "ok")
    assert (result["total_hits"], result["unique_queries"], result["unique_subjects"]) == (4, 3, 3)
    assert result["top_subjects"][0] == {"id": "s1", "count": 2}
    assert result["avg_identity"] == pytest.approx((100 + 71.5 + 98.5 + 90) / 4)
    assert (result["avg_bitscore"], result["max_bitscore"], result["min_evalue"]) == (180, 180, 0)
    assert (result["files_parsed"], result["total_files"]) == (2, 2)
    assert (result["truncated"], result["more_to_read"]) == (False, False)
    assert filled(result["identity_distribution"]) == {"70 to 75": 1, "90 to 95": 1, "95 to 100": 2}
    assert filled(result["evalue_distribution"]) == {
        "0 to 1e-180": 1,
        "1e-50 to 1e-20": 2,
        "0.001 to 0.1": 1,
    }
    assert all(result["exact"].values())


async def test_the_aggregate_is_computed_once(store: Store) -> None:
    stored = await store.completed(FILES)
    first = await stats(store, stored)
    assert await store.clients.blobs.exists(stored.results_prefix + AGGREGATE)
    await store.clients.blobs.put(stored.results_prefix + next(iter(FILES)), b"changed")
    assert await stats(store, stored) == first


async def test_a_long_aggregation_continues_with_the_next_request(store: Store) -> None:
    files = {f"batch_{n:03}-blastn-db.out.gz": row(f"q{n}", f"s{n % 3}").encode() for n in range(5)}
    stored = await store.completed(files)
    ticks = iter(range(0, 10**6, int(TIME_LIMIT.total_seconds()) + 1))
    slow = Aggregation(store.clients.blobs, lambda: float(next(ticks)))
    seen = []
    for _ in files:
        result = await slow.stats(
            stored.results_prefix,
            list(files),
            lambda name: hits_of(store.clients.blobs, stored, name),
        )
        seen.append((result.files_parsed, result.truncated, result.more_to_read))
        assert result.total_hits == result.files_parsed
    assert seen == [(n, n < 5, n < 5) for n in range(1, 6)]
    assert await store.clients.blobs.exists(stored.results_prefix + AGGREGATING)
    assert await stats(store, await store.completed(files)) == result.to_json()


async def test_failure_40_a_file_over_the_read_limit_counts_as_cut(store: Store) -> None:
    stored = await store.completed(FILES)
    short = Aggregation(store.clients.blobs, lambda: 0.0)
    result = await short.stats(
        stored.results_prefix,
        list(FILES),
        lambda name: hits_of(store.clients.blobs, stored, name, 100),
    )
    assert (result.files_parsed, result.files_cut, result.total_hits) == (1, 1, 3)
    assert (result.truncated, result.more_to_read) == (True, False)


async def test_failure_40_a_damaged_file_does_not_hide_the_others(store: Store) -> None:
    broken = gzip.compress(FIRST)[:-9]
    one = await store.completed({**FILES, "batch_002-blastn-db.out.gz": broken})
    result = await stats(store, one)
    assert (result["files_parsed"], result["total_files"], result["truncated"]) == (2, 3, True)
    assert [(f["name"], f["code"]) for f in result["files_unreadable"]] == [
        ("batch_002-blastn-db.out.gz", "file_damaged")
    ]
    answer = await store.ask(handlers.export_hits, one)
    assert refused(answer) == (409, "file_damaged")
    assert b"batch_002-blastn-db.out.gz" in answer.get_body()


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
    for handler in (handlers.list_alignments, handlers.export_hits):
        assert refused(await store.ask(handler, none)) == (404, "no_results")


@pytest.mark.parametrize("outfmt", ["11", "0", "15"])
async def test_failure_40_an_unreadable_format_is_named(store: Store, outfmt: str) -> None:
    one = await store.completed(FILES, outfmt)
    for handler in (handlers.aggregate_hits, handlers.list_alignments, handlers.export_hits):
        assert refused(await store.ask(handler, one)) == (409, "format_not_readable")


async def test_alignments_are_the_first_hits_of_a_file_or_query(store: Store) -> None:
    one = await store.completed(FILES)
    first = body(await store.ask(handlers.list_alignments, one, max_alignments="2"))
    assert first["blob_name"] == next(iter(FILES))
    assert (first["total_hits"], first["returned"], first["query_ids"]) == (3, 2, ["q1", "q2"])
    assert first["alignments"][1] == {
        **dict.fromkeys(COLUMNS, 1),
        "qseqid": "q1",
        "sseqid": "s2",
        "pident": 71.5,
        "length": 100,
        "gapopen": 0,
        "qend": 100,
        "sstart": 5,
        "send": 104,
        "evalue": 0.002,
        "bitscore": 180.0,
    }
    of_q2 = body(await store.ask(handlers.list_alignments, one, query_id="q2"))
    assert [hit["qseqid"] for hit in of_q2["alignments"]] == ["q2"]
    assert (of_q2["total_hits"], of_q2["query_ids"]) == (1, ["q1", "q2"])
    second = body(
        await store.ask(handlers.list_alignments, one, blob_name="batch_001-blastn-db.out.gz")
    )
    assert [hit["qseqid"] for hit in second["alignments"]] == ["q3"]
    assert first["truncated"] is False


@pytest.mark.parametrize("number", ["0", "201", "-1", "x"])
async def test_the_number_of_alignments_is_bounded(store: Store, number: str) -> None:
    answer = await store.ask(
        handlers.list_alignments, await store.completed(FILES), max_alignments=number
    )
    assert refused(answer) == (422, "validation_error")


async def test_a_full_page_stops_counting_and_is_truncated(store: Store) -> None:
    stored = await store.completed(FILES)
    page = AlignmentsPage(max_hits=1, min_counted=2)
    await in_thread(page.fill, hits_of(store.clients.blobs, stored, next(iter(FILES))))
    shown = page.to_view(stored.job_id, "a file").to_json()
    assert (shown["returned"], shown["total_hits"], shown["truncated"]) == (1, 2, True)


async def test_a_page_of_one_query_reads_until_the_query_ends(store: Store) -> None:
    text = "".join(row(f"q{n // 10}", f"s{n}") for n in range(100)).encode()
    stored = await store.completed({"batch_000-blastn-db.out.gz": text})
    page = AlignmentsPage(max_hits=50, query_id="q5", min_counted=5)
    await in_thread(page.fill, hits_of(store.clients.blobs, stored, "batch_000-blastn-db.out.gz"))
    shown = page.to_view(stored.job_id, "a file").to_json()
    assert (shown["returned"], shown["total_hits"], shown["truncated"]) == (10, 10, True)
    assert shown["query_ids"] == [f"q{n}" for n in range(6)]


@pytest.mark.parametrize(
    ("kind", "delimiter", "mimetype"),
    [("csv", ",", "text/csv"), ("tsv", "\t", "text/tab-separated-values")],
)
async def test_tables_have_all_hits_of_all_files(
    store: Store, kind: str, delimiter: str, mimetype: str
) -> None:
    stored = await store.completed(FILES)
    answer = await store.ask(handlers.export_hits, stored, format=kind)
    rows = list(csv.reader(io.StringIO(answer.get_body().decode()), delimiter=delimiter))
    assert tuple(rows[0]) == COLUMNS
    assert [result[:3] for result in rows[1:]] == [
        ["q1", "s1", "100.0"],
        ["q1", "s2", "71.5"],
        ["q2", "s1", "98.5"],
        ["q3", "s3", "90.0"],
    ]
    assert answer.mimetype == mimetype
    assert answer.headers["x-blast-truncated"] == "false"
    assert f'filename="{stored.job_id}.{kind}"' in answer.headers["Content-Disposition"]


async def test_json_exports_have_one_object_per_hit(store: Store) -> None:
    text = b"q1\ts1\t1e-9\t-ACGT\n"
    stored = await store.completed(
        {"batch_000-blastn-db.out.gz": text}, "6 qseqid sseqid evalue qseq"
    )
    result = body(await store.ask(handlers.export_hits, stored, format="json"))
    assert (result["job_id"], result["returned"], result["truncated"]) == (stored.job_id, 1, False)
    assert result["hits"][0] == dict.fromkeys(COLUMNS) | {
        "qseqid": "q1",
        "sseqid": "s1",
        "evalue": 1e-9,
        "qseq": "-ACGT",
    }
    empty = await store.completed({"batch_000-blastn-db.out.gz": b""})
    assert body(await store.ask(handlers.export_hits, empty, format="json"))["hits"] == []


async def test_an_unknown_export_format_is_refused(store: Store) -> None:
    answer = await store.ask(handlers.export_hits, await store.completed(FILES), format="xlsx")
    assert refused(answer) == (422, "validation_error")


async def test_failure_40_a_formula_in_a_cell_is_escaped(store: Store) -> None:
    names = ["=cmd|'/c calc'!A0", "+1", "-1+2", "@SUM(A1)", '=HYPERLINK("http://x","y")']
    text = "".join(row(name, "s1", evalue="1e-05") for name in names).encode()
    one = await store.completed({"batch_000-blastn-db.out.gz": text})
    answer = (await store.ask(handlers.export_hits, one, format="csv")).get_body().decode()
    rows = list(csv.reader(io.StringIO(answer)))[1:]
    assert [result[0] for result in rows] == [f"'{name}" for name in names]
    assert {result[10] for result in rows} == {"1e-05"}
    exact = (await store.ask(handlers.export_hits, one, format="tsv")).get_body().decode()
    read = list(csv.reader(io.StringIO(exact), delimiter="\t"))
    assert [result[0] for result in read[1:]] == names


@pytest.mark.parametrize("value", ["\t=1", "\r=1", "\n=1", "=1"])
def test_failure_40_a_hidden_formula_is_escaped(value: str) -> None:
    assert export.escape_formula(value) == f"'{value}"


@pytest.mark.parametrize("value", [-1.5, 1e-30, 0, None, "plain", "1-2"])
def test_numbers_and_plain_text_are_unchanged(value: Any) -> None:
    assert export.escape_formula(value) is value


@pytest.mark.parametrize("kind", export.FORMATS)
async def test_a_truncated_export_has_a_telling_file_name(store: Store, kind: str) -> None:
    stored = await store.completed(FILES)
    made = await in_thread(
        export.export,
        export.FORMATS[kind],
        stored.job_id,
        hits_of(store.clients.blobs, stored, next(iter(FILES))),
        max_bytes=1,
    )
    assert (made.hits, made.truncated) == (1, True)
    assert (
        f"{stored.job_id}-first-1-hits.{kind}" in made.headers(stored.job_id)["Content-Disposition"]
    )
    if kind == "json":
        assert json.loads(made.data)["truncated"] is True
