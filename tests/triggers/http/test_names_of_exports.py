"""An export has the content that its name promises, as it is never replaced."""

import asyncio
import gzip

import pytest

from shared.results import exports
from tests.support.hit_index import index_hits
from tests.triggers.conftest import Store, refused
from tests.triggers.http.test_hit_exports import text_report
from tests.triggers.http.test_hits import row
from triggers.http.hits import handlers


@pytest.mark.parametrize(("outfmt", "kind"), [("0", "text"), ("6", "tsv")], ids=["report", "hits"])
async def test_an_export_has_what_it_is_named_by(store: Store, outfmt: str, kind: str) -> None:
    """Also if a result file is replaced while the export waits: no later writer corrects it."""
    name = "batch_000-blastn-db.out.gz"
    contents = {
        "0": (text_report("first"), text_report("other")),
        "6": (row("q1", "first").encode(), row("q1", "other").encode()),
    }[outfmt]
    one = await store.completed({name: contents[0]}, outfmt)
    hit_exports = store.clients.hit_exports
    hit_exports.wait = 0
    async with hit_exports._turns, hit_exports._turns:
        pending = await store.ask(handlers.export_hits, one, format=kind)
        assert refused(pending) == (503, "export_pending")
        await store.clients.blobs.put(one.results_prefix + name, gzip.compress(contents[1]))
        if outfmt == "6":
            store.clients.hit_indexes._loaded.clear()
            await index_hits(store.clients.blobs, one)
    await asyncio.wait([*hit_exports._tasks.values()])
    hit_exports.wait = 60
    for blob in await store.clients.blobs.list(one.results_prefix + exports.FOLDER):
        written = await store.clients.blobs.get(f"{one.results_prefix}{exports.FOLDER}{blob.name}")
        assert written is not None
        assert b"other" not in written
    answer = await store.ask(handlers.export_hits, one, format=kind)
    assert b"other" in answer.get_body()
