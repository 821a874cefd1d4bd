"""A full disk is named wherever hits are written: the system's /dev/full refuses each write."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.errors import Unavailable
from shared.hits.convert import MEMORY
from shared.hits.database import connect
from shared.hits.export_file import write_hits
from shared.hits.filters import Filter
from shared.hits.index import HitIndex
from shared.hits.questions import HitsDatabase
from shared.hits.reader import Hits
from shared.hits.segment import BuiltSegment, SourceFile, build_segment
from shared.util.threads import in_thread

ROW = b"q%d\ts\t98.5\t100\t1\t0\t1\t100\t5\t104\t1e-40\t180\n"


def build(folder: Path) -> BuiltSegment:
    folder.mkdir(exist_ok=True)
    source = SourceFile(0, "batch_000", "", lambda: [ROW % number for number in range(1000)])
    return build_segment([source], "6", folder)


@pytest.fixture
def hits(tmp_path: Path) -> Iterator[Hits]:
    folder = tmp_path / "index"
    built = build(folder)
    paths = {file.name: built.path(file) for file in built.segment.stored_files}
    connection = connect(MEMORY, tmp_path)
    yield Hits(HitsDatabase(connection, HitIndex((built.segment,)), paths), asyncio.Semaphore())
    connection.close()


@pytest.mark.parametrize("name", ["hits.parquet", "queries.parquet"])
def test_while_hits_are_indexed(tmp_path: Path, name: str) -> None:
    (tmp_path / "file-0").mkdir()
    (tmp_path / "file-0" / name).symlink_to("/dev/full")
    with pytest.raises(Unavailable, match="disk is full") as caught:
        build(tmp_path)
    assert caught.value.code == "disk_full"


@pytest.mark.parametrize("form", ["csv", "parquet", "ncbi-hit-table-csv"])
async def test_while_hits_are_exported(hits: Hits, tmp_path: Path, form: str) -> None:
    target = tmp_path / "export"
    await in_thread(target.symlink_to, "/dev/full")
    with pytest.raises(Unavailable, match="disk is full") as caught:
        await hits.export(write_hits, target, form, "job", "", Filter())
    assert caught.value.code == "disk_full"
