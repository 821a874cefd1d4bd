"""Result files over HTTP: lists, downloads and ranges."""

import gzip
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.blast.result_files import MANIFEST, file_id
from shared.contracts.job import Job
from shared.errors import OutOfRange
from tests.support.samples import ALICE
from tests.triggers.conftest import Store, body, refused
from triggers.http import blob_response, results
from triggers.http.hits import handlers as hits
from triggers.http.range_header import ByteRange, parse_range

NAME = "batch_000-blastn-db.out.gz"
PACKED = gzip.compress(b"0123456789" * 50, mtime=0)
SIZE = len(PACKED)


@pytest.fixture(scope="module")
async def done(store: Store) -> Job:
    """A completed job, which tests only read."""
    return await store.completed({NAME: PACKED})


async def download(store: Store, one: Any, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await store.ask(results.read_result, one, file_id(NAME), headers=named)


async def test_a_file_is_downloaded_unchanged(store: Store, done: Job) -> None:
    answer = await download(store, done)
    assert (answer.status_code, answer.get_body()) == (200, PACKED)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{NAME}"'
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.mimetype == "application/gzip"


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-", 5, SIZE),
        ("bytes=-7", SIZE - 7, SIZE),
        ("bytes=3-99999", 3, SIZE),
        ("Bytes=0-9", 0, 10),
        ("bytes=-99999", 0, SIZE),
    ],
)
async def test_a_range_of_a_file_is_downloaded(
    store: Store, done: Job, asked: str, start: int, end: int
) -> None:
    answer = await download(store, done, range=asked)
    assert (answer.status_code, answer.get_body()) == (206, PACKED[start:end])
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{SIZE}"


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=-0", "bytes=99999-100000"])
async def test_a_range_outside_of_the_file_is_refused_with_the_size(
    store: Store, done: Job, asked: str
) -> None:
    answer = await download(store, done, range=asked)
    assert refused(answer) == (416, "range_not_satisfiable")
    assert answer.headers["Content-Range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "asked", ["bytes=1-0", "lines=0-1", "bytes=a-b", "bytes=0-1,4-5", "bytes=-"]
)
async def test_an_unsupported_range_returns_the_whole_file(
    store: Store, done: Job, asked: str
) -> None:
    answer = await download(store, done, range=asked)
    assert (answer.status_code, answer.get_body()) == (200, PACKED)


async def test_if_range_of_another_version_returns_the_whole_file(store: Store, done: Job) -> None:
    etag = (await download(store, done)).headers["ETag"]
    same = await download(store, done, range="bytes=4-", if_range=etag)
    assert (same.status_code, same.get_body()) == (206, PACKED[4:])
    changed = await download(store, done, range="bytes=4-", if_range='"another"')
    assert (changed.status_code, changed.get_body()) == (200, PACKED)


async def test_a_large_file_is_downloaded_in_ranges(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blob_response, "MAX_RESPONSE_BYTES", 16)
    job = await store.completed({NAME: PACKED})
    whole = await download(store, job)
    assert refused(whole) == (413, "file_too_large")
    assert b"Range: bytes=0-15" in whole.get_body()
    taken = b""
    while len(taken) < SIZE:
        part = await download(store, job, range=f"bytes={len(taken)}-")
        assert part.status_code == 206
        assert 0 < len(part.get_body()) <= 16
        taken += part.get_body()
    assert taken == PACKED


@pytest.mark.parametrize(
    "wanted", [f"../{NAME}", "../../etc/passwd", "%2e%2e", MANIFEST, "metadata/SUCCESS.txt", ""]
)
async def test_failure_38_a_file_id_cannot_leave_the_jobs_prefix(
    store: Store, done: Job, wanted: str
) -> None:
    assert refused(await store.ask(results.read_result, done, wanted)) == (404, "not_found")
    if wanted:
        answer = await store.ask(hits.list_alignments, done, blob_name=wanted)
        assert refused(answer) == (404, "not_found")


async def test_failure_38_another_owners_results_are_not_found(store: Store) -> None:
    theirs = await store.completed({NAME: PACKED}, owner=ALICE)
    mine = await store.completed({NAME: PACKED})
    for handler in (
        results.list_results,
        hits.aggregate_hits,
        hits.list_alignments,
        hits.export_hits,
    ):
        assert refused(await store.ask(handler, theirs)) == (404, "not_found")
    assert refused(await store.ask(results.read_result, theirs, file_id(NAME))) == (
        404,
        "not_found",
    )
    assert [
        file["name"] for file in body(await store.ask(results.list_results, mine))["files"]
    ] == [NAME]


async def test_failure_26_a_removed_result_is_a_404(store: Store) -> None:
    job = await store.completed({NAME: PACKED})
    store.lose(job, NAME)
    assert refused(await download(store, job)) == (404, "results_gone")
    assert (await store.ask(hits.aggregate_hits, job)).status_code == 200  # the hits are indexed
    other = await store.unindexed({NAME: PACKED})
    store.lose(other, NAME)
    assert refused(await store.ask(hits.aggregate_hits, other)) == (503, "index_pending")
    await store.finish_indexing()
    assert refused(await store.ask(hits.aggregate_hits, other)) == (404, "blob_gone")
    store.lose(job, MANIFEST)
    assert refused(await store.ask(results.list_results, job)) == (404, "results_gone")


@given(st.integers(0, 50), st.integers(0, 60), st.integers(0, 60))
def test_a_parsed_range_is_within_the_file(size: int, first: int, last: int) -> None:
    for header in (f"bytes={first}-{last}", f"bytes={first}-", f"bytes=-{last}"):
        try:
            span = parse_range(header, size)
        except OutOfRange:
            continue
        assert span is None or 0 <= span.start < span.end <= size
        assert span is not None or first > last
    assert parse_range(None, size) is None
    assert ByteRange(0, 1) == parse_range("bytes=0-0", size + 1)


@pytest.mark.parametrize(
    ("outfmt", "form", "parseable"),
    [("5", "blast_xml", True), ("7 std", "outfmt 7, gzip", True), ("11", "outfmt 11, gzip", False)],
)
async def test_the_dashboard_knows_xml_by_its_format(
    store: Store, outfmt: str, form: str, parseable: bool
) -> None:
    """Not by `.out.gz`: eecc315f, pages/blastResults/BlastJobHeader.tsx:1088."""
    one = await store.unindexed({NAME: b""}, outfmt)
    (file,) = body(await store.ask(results.list_results, one))["files"]
    assert (file["format"], file["parseable"]) == (form, parseable)
