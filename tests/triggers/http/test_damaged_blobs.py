"""Small blobs of the app that are empty, cut off or from somebody else are replaced or named."""

import json
from collections.abc import Awaitable, Callable, Mapping

import pytest

from shared.blast.result_files import MANIFEST, parse_count
from shared.contracts.storage_urls import DEAD_LETTERS
from shared.errors import Unavailable
from shared.hits.store import COMPLETE, FOLDER
from shared.results.manifest import read_manifest
from tests.triggers.conftest import Store, body, refused
from tests.triggers.http.clients import ok, send_json
from tests.triggers.http.conftest import RunningApp
from tests.triggers.http.test_hits import FILES
from triggers.auth.links import KEY_BLOB, KEY_BYTES, read_key
from triggers.http.hits import handlers
from triggers.http.results import list_results

DAMAGES: Mapping[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "longer": lambda data: data * 2,
    "deep": lambda data: b"[" * 100_000,
    "no-text": lambda data: b"\xff\xfe\x00" * 5,
    "list": lambda data: b"[]",
    "null": lambda data: b"null",
    "other-object": lambda data: b'{"files": {}, "segments": 3, "version": 2}',
    "wrong-entries": lambda data: b'{"files": [{"name": 5}], "version": 2, "segments": [{}]}',
}
by_damage = pytest.mark.parametrize("damage", DAMAGES)


async def damage_blob(store: Store, url: str, damage: str) -> bytes:
    """Damage a blob; returns its former content."""
    blobs = store.clients.blobs
    data = await blobs.get(url)
    assert data
    await blobs.put(url, DAMAGES[damage](data))
    return data


@by_damage
async def test_a_key_of_links_that_is_damaged_is_replaced_once(
    store: Store, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    blobs, account = store.clients.blobs, store.clients.account
    first = await read_key(blobs, account)
    await damage_blob(store, account.url(DEAD_LETTERS, KEY_BLOB), damage)
    keys = [await read_key(blobs, account) for _ in range(2)]
    assert len(keys[0]) == KEY_BYTES and keys[0] == keys[1] != first
    assert [line.split()[0] for line in caplog.messages] == ["link_key_replaced"]


async def test_of_two_processes_that_replace_a_key_one_wins(store: Store) -> None:
    blobs, account = store.clients.blobs, store.clients.account
    url = account.url(DEAD_LETTERS, KEY_BLOB)
    await blobs.put(url, b"")
    damaged = await blobs.version(url)
    assert damaged
    won = await read_key(blobs, account)
    assert await blobs.replace(url, damaged, b"x" * KEY_BYTES) is False
    assert await read_key(blobs, account) == won
    await blobs.delete(url)
    assert await blobs.replace(url, damaged, b"x" * KEY_BYTES) is False
    assert not await blobs.exists(url)


async def test_a_key_that_is_damaged_while_it_is_read_signs_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = store.clients.blobs

    async def cut(url: str, data: bytes) -> bytes:
        return data[:1]

    monkeypatch.setattr(blobs, "put_if_absent", cut)
    with pytest.raises(Unavailable, match="key of result links"):
        await read_key(blobs, store.clients.account)


@by_damage
async def test_a_manifest_that_cannot_be_read_is_written_again(store: Store, damage: str) -> None:
    one = await store.completed(FILES)
    before = body(await store.ask(list_results, one))["files"]
    url = one.results_prefix + MANIFEST
    await damage_blob(store, url, damage)
    after = body(await store.ask(list_results, one))["files"]
    assert [file["name"] for file in after] == [file["name"] for file in before]
    assert json.loads(await store.clients.blobs.get(url) or b"")["job_id"] == one.job_id


async def test_a_damaged_manifest_of_results_that_are_gone_is_gone_too(store: Store) -> None:
    one = await store.unindexed(FILES)
    await damage_blob(store, one.results_prefix + MANIFEST, "empty")
    for name in FILES:
        store.lose(one, name)
    assert await read_manifest(store.clients.blobs, one) is None
    assert refused(await store.ask(list_results, one)) == (404, "results_gone")


async def index_json(store: Store, prefix: str) -> str:
    return prefix + COMPLETE


async def segment_json(store: Store, prefix: str) -> str:
    """The JSON of a segment; the index has to be completed from it."""
    await store.clients.blobs.delete(prefix + COMPLETE)
    listed = await store.clients.blobs.list(prefix + FOLDER)
    (name,) = [blob.name for blob in listed if blob.name.endswith(".json")]
    return prefix + FOLDER + name


@pytest.mark.acceptance
@by_damage
@pytest.mark.parametrize("which", [index_json, segment_json], ids=["index", "segment"])
async def test_an_index_that_cannot_be_read_is_built_again(
    store: Store, damage: str, which: Callable[[Store, str], Awaitable[str]]
) -> None:
    one = await store.completed(FILES)
    await damage_blob(store, await which(store, one.results_prefix), damage)
    for _ in range(4):  # a damaged segment is found by the first indexing, and made by another
        answer = await store.ask(handlers.list_alignments, one)
        if answer.status_code == 200:
            break
        assert refused(answer) == (503, "index_pending")
        await store.finish_indexing()
    assert body(answer)["total_hits"] == 4


@by_damage
async def test_a_template_that_cannot_be_read_costs_no_other(
    running_app: RunningApp, damage: str
) -> None:
    blobs, folder = running_app.blobs, running_app.account.url(DEAD_LETTERS, "templates/")
    damaged, other = (
        ok(send_json(running_app, "POST", "blast/templates", {"name": "one", "fields": {}}))["id"]
        for _ in range(2)
    )
    (name,) = [blob.name for blob in await blobs.list(folder) if damaged in blob.name]
    await blobs.put(folder + name, DAMAGES[damage](await blobs.get(folder + name) or b""))
    listed = ok(send_json(running_app, "GET", "blast/templates"))["templates"]
    assert {damaged, other} & {each["id"] for each in listed} == {other}
    assert send_json(running_app, "PUT", f"blast/templates/{damaged}", {"name": "x"})[0] == 404
    for each in (damaged, other):
        ok(send_json(running_app, "DELETE", f"blast/templates/{each}"))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (None, None),
        (b"", None),
        (b" 12\n", 12),
        (b"-1", None),
        (b"1.5", None),
        (b"twelve", None),
        ("\u0662".encode(), None),
        (b"999999999", 999_999_999),
        (b"1000000000", None),
        (b"9" * 5000, None),
    ],
    ids=lambda value: f"{value!r:.20}" if isinstance(value, bytes) else None,
)
def test_a_number_of_jobs_is_read_only_if_a_row_can_hold_it(
    text: bytes | None, count: int | None
) -> None:
    """Python refuses to convert more than 4,300 digits, and Tables more than 32 bits."""
    assert parse_count(text) == count
