"""Exports of hits over HTTP."""

import csv
import errno
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from shared.blast.result_files import MERGED
from shared.hits.columns import STANDARD
from shared.results import exports
from tests.triggers.conftest import Store, body, refused
from tests.triggers.http.test_hits import FILES, row
from triggers.http import blob_response
from triggers.http.hits import exports as hits_exports
from triggers.http.hits import handlers


@pytest.mark.parametrize(
    ("kind", "delimiter", "mimetype"),
    [
        *(("csv", ",", "text/csv"), ("tsv", "\t", "text/tab-separated-values")),
        *(
            ("hit-table-csv", ",", "text/csv"),
            ("hit-table-text", "\t", "text/tab-separated-values"),
        ),
    ],
)
async def test_tables_have_all_hits_of_all_files(
    store: Store, kind: str, delimiter: str, mimetype: str
) -> None:
    stored = await store.completed(FILES)
    answer = await store.ask(handlers.export_hits, stored, format=kind)
    rows = list(csv.reader(io.StringIO(answer.get_body().decode()), delimiter=delimiter))
    assert tuple(rows[0]) == STANDARD
    assert [(*result[:2], float(result[2])) for result in rows[1:]] == [
        *(("q1", "s1", 100), ("q1", "s2", 71.5), ("q2", "s1", 98.5), ("q3", "s3", 90)),
    ]
    assert answer.mimetype == mimetype
    suffix = "csv" if delimiter == "," else "tsv"
    assert f'filename="{stored.job_id}.{suffix}"' in answer.headers["Content-Disposition"]


@pytest.mark.parametrize("kind", ["ncbi-hit-table-csv", "ncbi-hit-table-text", "ncbi-report-text"])
async def test_descriptions_have_a_row_for_each_query_and_subject(store: Store, kind: str) -> None:
    text = (
        "q\ts\t=cmd()\t90\t100\t1\t50\t1e-9\t100\tHomo sapiens\t9606\t500\n"
        "q\ts\t=cmd()\t80\t100\t41\t60\t1e-3\t50\tHomo sapiens\t9606\t500\n"
        "q\tt\tother\t70\t100\t1\t10\t0.02\t40\tN/A\tN/A\t600\n"
    )
    outfmt = "6 qseqid sseqid stitle pident qlen qstart qend evalue bitscore sscinames staxids slen"
    one = await store.completed({"batch_000-blastn-db.out.gz": text.encode()}, outfmt)
    answer = await store.ask(handlers.export_hits, one, format=kind)
    lines = answer.get_body().decode().splitlines()
    head = next(at for at, line in enumerate(lines) if line.startswith("Description"))
    delimiter = "," if kind.endswith("csv") else "\t"
    rows = list(csv.reader(lines[head:], delimiter=delimiter))
    title = "'=cmd()" if delimiter == "," else "=cmd()"
    assert rows[1:] == [
        [title, "Homo sapiens", "", "9606", "100", "150", "60%", "1.00e-09", "90.00%", "500", "s"],
        ["other", "", "", "", "40", "40", "10%", "0.02", "70.00%", "600", "t"],
    ]
    assert (head > 0) is (kind == "ncbi-report-text")


@pytest.mark.parametrize(
    ("query_id", "expected"),
    [("q1", 2), ("none", 0), ("", 4)],
    ids=["one query", "no query", "all"],
)
async def test_parquet_has_the_hits_of_the_filter(
    store: Store, tmp_path: Path, query_id: str, expected: int
) -> None:
    import duckdb

    one = await store.completed(FILES)
    answer = await store.ask(handlers.export_hits, one, format="parquet", query_id=query_id)
    (tmp_path / "hits.parquet").write_bytes(answer.get_body())
    found = duckdb.read_parquet(str(tmp_path / "hits.parquet"))
    assert found.columns == ["query", *STANDARD]
    assert len(found.fetchall()) == expected


@pytest.mark.parametrize("kind", ["parquet", "csv", "json"])
async def test_an_export_of_a_search_without_hits_has_none(store: Store, kind: str) -> None:
    one = await store.completed({"batch_000-blastn-db.out.gz": b""})
    answer = await store.ask(handlers.export_hits, one, format=kind)
    assert answer.status_code == 200
    assert b"qseqid" in answer.get_body() or kind == "json"


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> int:
    """Responses of at most so many bytes, so that a small export is a large one."""
    most = 200
    for module in (blob_response, handlers):
        monkeypatch.setattr(module, "MAX_RESPONSE_BYTES", most)
    monkeypatch.setattr(exports, "COMPRESSED_FROM", most)
    return most


async def test_a_large_export_is_downloaded_in_ranges(
    store: Store, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await store.completed(FILES)
    monkeypatch.setattr(blob_response, "MAX_RESPONSE_BYTES", 10**6)
    whole = (await store.ask(handlers.export_hits, one, format="json")).get_body()
    monkeypatch.setattr(blob_response, "MAX_RESPONSE_BYTES", limit)
    assert len(whole) > 2 * limit
    refusal = await store.ask(handlers.export_hits, one, format="json")
    assert refused(refusal) == (413, "file_too_large")
    taken, etags = b"", set()
    while len(taken) < len(whole):
        headers = {"range": f"bytes={len(taken)}-"}
        part = await store.ask(handlers.export_hits, one, format="json", headers=headers)
        assert part.status_code == 206
        assert 0 < len(part.get_body()) <= limit
        etags.add(part.headers["ETag"])
        taken += part.get_body()
    assert taken == whole
    assert len(etags) == 1  # it was written once


async def test_a_large_export_is_compressed_for_a_client_that_takes_it(
    store: Store, limit: int
) -> None:
    text = "".join(row(f"q{number}", "s1") for number in range(100)).encode()
    one = await store.completed({"batch_000-blastn-db.out.gz": text})
    headers = {"accept-encoding": "gzip, deflate, br"}
    # Too large even by gzip.
    assert refused(await store.ask(handlers.export_hits, one, headers=headers)) == (
        413,
        "file_too_large",
    )
    handlers_limit = len(gzip.compress(text)) * 4
    with pytest.MonkeyPatch.context() as patch:
        for module in (blob_response, handlers):
            patch.setattr(module, "MAX_RESPONSE_BYTES", handlers_limit)
        assert handlers_limit < len(text)
        answer = await store.ask(handlers.export_hits, one, headers=headers)
        part = await store.ask(handlers.export_hits, one, headers={**headers, "range": "bytes=0-9"})
    assert answer.headers["Content-Encoding"] == "gzip"
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(answer.get_body()).decode())))
    assert [each["qseqid"] for each in rows] == [f"q{number}" for number in range(100)]
    assert (part.status_code, part.get_body()) == (206, b"qseqid,sse")
    assert "Content-Encoding" not in part.headers


async def test_an_export_that_takes_long_is_written_in_the_background(store: Store) -> None:
    one = await store.completed(FILES)
    store.clients.hit_exports.wait = 0
    pending = await store.ask(handlers.export_hits, one)
    assert refused(pending) == (503, "export_pending")
    assert pending.headers["Retry-After"] == "5"
    store.clients.hit_exports.wait = 60
    answer = await store.ask(handlers.export_hits, one)
    assert (answer.status_code, answer.get_body().count(b"\r\n")) == (200, 5)


async def test_a_full_disk_is_reported_and_the_next_request_tries_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await store.completed(FILES)

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patch:
        patch.setattr(hits_exports, "write_hits", full)
        answer = await store.ask(handlers.export_hits, one)
        assert refused(answer) == (503, "disk_full")
        assert await store.clients.blobs.list(one.results_prefix + exports.FOLDER) == []
    assert (await store.ask(handlers.export_hits, one)).status_code == 200


async def test_only_the_newest_exports_are_kept(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "KEPT", 2)
    one = await store.completed(FILES)
    for minimum in range(5):
        answer = await store.ask(handlers.export_hits, one, min_identity=str(minimum))
        assert answer.status_code == 200
        listed = await store.clients.blobs.list(one.results_prefix + exports.FOLDER)
        assert len(listed) <= 3
    assert refused(await store.ask(handlers.export_hits, one, format="xlsx"))[0] == 422


def text_report(hits: str) -> bytes:
    """Pairwise text with the end that BLAST+ writes."""
    return f"BLASTN 2.12.0+\n\n{hits}\n\n\nMatrix: blastn matrix 1 -2\n".encode()


async def test_reports_of_blast_are_joined(store: Store) -> None:
    texts = {f"batch_00{number}-blastn-db.out.gz": text_report(f"{number}") for number in range(2)}
    one = await store.completed(texts, "0")
    answer = await store.ask(handlers.export_hits, one, format="text")
    assert (answer.get_body(), answer.mimetype) == (b"".join(texts.values()), "text/plain")
    first = await store.ask(handlers.export_hits, one, format="text", file=next(iter(texts)))
    assert first.get_body() == text_report("0")
    filtered = await store.ask(handlers.export_hits, one, format="text", text="x", taxid="1")
    assert [error["loc"] for error in json.loads(filtered.get_body())["detail"]["errors"]] == [
        ["taxid"],
        ["text"],
    ]
    assert refused(await store.ask(handlers.export_hits, one, format="xml")) == (
        409,
        "format_not_written",
    )


@pytest.mark.parametrize("is_of_one_file", [False, True], ids=["all", "one"])
async def test_a_report_is_of_the_files_as_they_are_now(store: Store, is_of_one_file: bool) -> None:
    """A file can be replaced within a second by one of the same size; the manifest stays."""
    name = "batch_000-blastn-db.out.gz"
    texts = text_report("first"), text_report("other")
    packed = [gzip.compress(text, mtime=0) for text in texts]
    assert len(packed[0]) == len(packed[1])
    one = await store.completed({name: packed[0]}, "0")
    wanted: dict[str, Any] = {"format": "text", **({"file": name} if is_of_one_file else {})}

    async def report() -> tuple[bytes, str]:
        answer = await store.ask(handlers.export_hits, one, **wanted)
        return answer.get_body(), answer.headers["ETag"]

    first = await report()
    assert first == await report()
    await store.clients.blobs.put(one.results_prefix + name, packed[1])
    second = await report()
    assert (first[0], second[0]) == texts
    assert first[1] != second[1]
    store.lose(one, name)
    answer = await store.ask(handlers.export_hits, one, **wanted)
    assert refused(answer) == (404, "results_gone")


async def test_a_sharded_search_has_its_merged_hits_once(store: Store) -> None:
    shards = {
        f"shard_{n}/batch_000-blastn-db.out.gz": data for n, data in enumerate(FILES.values())
    }
    merged = b"".join(FILES.values())
    one = await store.completed({**shards, MERGED: merged})
    answer = await store.ask(handlers.export_hits, one, format="tsv")
    lines = answer.get_body().decode().splitlines()[1:]
    assert [line.split("\t")[:2] for line in lines] == [
        line.split("\t")[:2] for line in merged.decode().splitlines()
    ]
    found = body(await store.ask(handlers.list_alignments, one))
    assert (found["total_hits"], found["total_files"], found["blob_names"]) == (4, 1, [MERGED])
    stats = body(await store.ask(handlers.aggregate_hits, one))["stats"]
    assert (stats["total_hits"], stats["unique_queries"]) == (4, 3)
    of_a_shard = await store.ask(handlers.list_alignments, one, file=next(iter(shards)))
    assert body(of_a_shard)["filtered_hits"] == 0


@pytest.mark.parametrize("has_hits", [True, False], ids=["hits", "no hits"])
async def test_merged_tables_have_no_last_line(store: Store, has_hits: bool) -> None:
    """As elastic-blast merges outfmt 7: a table for each query with hits, and nothing else."""
    table = (
        f"# BLASTN\n# Query: q1\n# Database: merged from 2 shards\n# 1 hits found\n{row('q1', 's')}"
    )
    name, merged = "shard_00/batch_000-blastn-db.out.gz", table.encode() if has_hits else b""
    one = await store.completed({name: b"", MERGED: gzip.compress(merged)}, "7")
    found = body(await store.ask(handlers.list_alignments, one))
    assert (found["total_hits"], found["files_unreadable"]) == (int(has_hits), [])
    alone = await store.completed({"batch_000-blastn-db.out.gz": merged}, "7")
    (damage,) = body(await store.ask(handlers.list_alignments, alone))["files_unreadable"]
    assert damage["code"] == "file_damaged"


async def test_an_unknown_export_format_is_refused(store: Store) -> None:
    answer = await store.ask(handlers.export_hits, await store.completed(FILES), format="xlsx")
    assert refused(answer) == (422, "validation_error")
