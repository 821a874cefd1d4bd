"""The index of hits over HTTP: built on the first request, and anew where it is out of date."""

import asyncio
import gzip
import json
import uuid

import pytest

from shared.hits.index import VERSION
from shared.hits.store import COMPLETE, FOLDER
from shared.results.background import KEPT_FOR
from shared.results.job_index import JobIndex
from tests.triggers.conftest import Store, body, refused
from tests.triggers.http.test_hits import FILES, FIRST, OF_HITS, alignments, row, stats
from triggers.http.hits import handlers


@pytest.mark.parametrize("name", OF_HITS)
async def test_hits_without_an_index_are_indexed_and_the_answer_says_when(
    store: Store, name: str
) -> None:
    one = await store.unindexed(FILES)
    pending = await store.ask(OF_HITS[name], one)
    assert refused(pending) == (503, "index_pending")
    assert int(pending.headers["Retry-After"]) >= 1
    assert b"0 of 1 parts are done: ask again in about" in pending.get_body()
    await store.finish_indexing()
    assert await store.clients.blobs.exists(one.results_prefix + COMPLETE)
    assert (await store.ask(OF_HITS[name], one)).status_code == 200


async def test_an_index_of_an_older_version_is_built_anew(store: Store) -> None:
    one = await store.completed(FILES)
    blobs, folder = store.clients.blobs, one.results_prefix + FOLDER
    index = json.loads(await blobs.get(one.results_prefix + COMPLETE) or b"")
    segment = {**index["segments"][0], "version": 1, "pairs": 4}
    await blobs.put(f"{folder}v1-00000.json", json.dumps(segment).encode())
    for blob in await blobs.list(folder):
        if blob.name.startswith(f"v{VERSION}-"):
            await blobs.delete(folder + blob.name)
    older = {"version": 1, "segments": [segment]}
    await blobs.put(one.results_prefix + COMPLETE, json.dumps(older).encode())
    assert refused(await store.ask(handlers.list_alignments, one)) == (503, "index_pending")
    await store.finish_indexing()
    assert body(await store.ask(handlers.list_alignments, one))["total_hits"] == 4
    index = json.loads(await blobs.get(one.results_prefix + COMPLETE) or b"")
    assert index["version"] == VERSION > 1


async def test_many_requests_build_one_index(store: Store) -> None:
    one = await store.unindexed(FILES)
    answers = await asyncio.gather(*(store.ask(handlers.aggregate_hits, one) for _ in range(20)))
    assert {refused(answer) for answer in answers} == {(503, "index_pending")}
    await store.finish_indexing()
    answers = await asyncio.gather(*(store.ask(handlers.list_alignments, one) for _ in range(20)))
    assert {body(answer)["total_hits"] for answer in answers} == {4}


async def test_a_bug_while_hits_are_indexed_is_answered_and_not_waited_for(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await store.unindexed(FILES)

    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(JobIndex, "index", broken)
        assert refused(await store.ask(handlers.aggregate_hits, one)) == (503, "index_pending")
        await store.finish_indexing()
        assert refused(await store.ask(handlers.aggregate_hits, one))[0] == 500
    assert refused(await store.ask(handlers.aggregate_hits, one)) == (503, "index_pending")
    await store.finish_indexing()
    assert (await store.ask(handlers.aggregate_hits, one)).status_code == 200


async def test_a_result_file_that_is_replaced_is_indexed_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an operator does with a file that is damaged."""
    name, *_ = FILES
    one = await store.completed({**FILES, name: b"no row\n"})
    assert (await stats(store, one))["total_hits"] == 1
    await store.clients.blobs.put(one.results_prefix + name, gzip.compress(FIRST))
    later = store.clients.hit_indexes.monotonic() + KEPT_FOR
    monkeypatch.setattr(store.clients.hit_indexes, "monotonic", lambda: later)
    for handler in OF_HITS.values():
        assert refused(await store.ask(handler, one)) == (503, "index_pending")
    await store.finish_indexing()
    assert (await stats(store, one))["total_hits"] == 4
    assert (await alignments(store, one))["total_hits"] == 4


async def test_hits_of_a_result_file_that_is_removed_are_kept(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await store.completed(FILES)
    assert (await stats(store, one))["total_hits"] == 4
    store.lose(one, next(iter(FILES)))
    later = store.clients.hit_indexes.monotonic() + KEPT_FOR
    monkeypatch.setattr(store.clients.hit_indexes, "monotonic", lambda: later)
    assert (await stats(store, one))["total_hits"] == 4


@pytest.mark.parametrize(
    "damage", [b"", b"PAR1 and nothing else", None], ids=["empty", "cut", "gone"]
)
@pytest.mark.parametrize("which", ["hits", "queries"])
async def test_an_index_file_that_is_damaged_or_gone_in_blob_is_made_anew(
    store: Store, monkeypatch: pytest.MonkeyPatch, which: str, damage: bytes | None
) -> None:
    rows = row(uuid.uuid4().hex, "s").encode()  # nothing of it is cached on disk
    one = await store.completed({next(iter(FILES)): rows})
    folder = one.results_prefix + FOLDER
    names = [blob.name for blob in await store.clients.blobs.list(folder)]
    (name,) = (name for name in names if name.startswith(f"{which}-"))
    await store.clients.blobs.delete(folder + name)
    if damage is not None:
        await store.clients.blobs.put(folder + name, damage)
    indexes = store.clients.hit_indexes
    started, answers = indexes.monotonic(), []
    for seconds in range(4):
        now = started + seconds * KEPT_FOR
        monkeypatch.setattr(indexes, "monotonic", lambda now=now: now)
        answers.append(await store.ask(handlers.list_queries, one))
        answers.append(await store.ask(handlers.list_alignments, one))
        await store.finish_indexing()
    assert {refused(answer)[0] for answer in answers if answer.status_code != 200} == {503}
    assert body(answers[-1])["total_hits"] == 1
    assert body(answers[-2])["total"] == 1
