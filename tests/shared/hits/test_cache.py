"""The cache of index files: bounded, checked, and right with a full disk."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from shared.errors import Unavailable
from shared.hits.cache import IndexCache
from shared.hits.index import StoredFile


def stored(content: bytes, name: str = "a.parquet") -> StoredFile:
    return StoredFile(name, len(content), hashlib.sha256(content).hexdigest())


def put(cache: IndexCache, content: bytes, name: str = "a.parquet") -> StoredFile:
    file = stored(content, name)
    with cache.writer(file) as written:
        written.write(content)
    return file


def test_a_file_is_found_once_it_is_complete(tmp_path: Path) -> None:
    cache = IndexCache(tmp_path / "new", 1000)
    file = stored(b"content")
    assert cache.find(file) is None
    with cache.writer(file) as written:
        written.write(b"content")
        assert cache.find(file) is None
    path = cache.find(file)
    assert path is not None
    assert path.read_bytes() == b"content"
    assert IndexCache(tmp_path / "new", 1000).find(file) == path


@pytest.mark.parametrize("change", [b"", b"conten", b"contenT", b"content and more"])
def test_a_changed_file_is_not_used(tmp_path: Path, change: bytes) -> None:
    cache = IndexCache(tmp_path, 1000)
    file = put(cache, b"content")
    path = cache.find(file)
    assert path is not None
    path.write_bytes(change)
    assert cache.find(file) is None
    put(cache, b"content")
    assert cache.find(file) == path


@pytest.mark.parametrize("content", [b"", b"conten", b"contenT"])
def test_a_wrong_content_never_takes_the_files_place(tmp_path: Path, content: bytes) -> None:
    cache, file = IndexCache(tmp_path, 1000), stored(b"content")
    with pytest.raises(Unavailable, match="damaged"), cache.writer(file) as written:
        written.write(content)
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    cache, file = IndexCache(tmp_path, 1000), stored(b"content")
    with pytest.raises(Unavailable, match="away"), cache.writer(file) as written:
        written.write(b"con")
        raise Unavailable("unavailable", "Blob is away")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_reported(tmp_path: Path) -> None:
    cache, file = IndexCache(tmp_path, 1000), stored(b"content")
    with pytest.raises(Unavailable, match="full") as caught, cache.writer(file):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.code == "disk_full"
    with pytest.raises(PermissionError), cache.writer(file):
        raise PermissionError(errno.EACCES, "denied")
    assert list(tmp_path.iterdir()) == []


def test_the_files_that_were_used_last_stay(tmp_path: Path) -> None:
    cache = IndexCache(tmp_path, 30)
    first, second, third = (put(cache, bytes([at]) * 10, f"{at}.parquet") for at in (1, 2, 3))
    for number, file in enumerate((first, second, third)):
        os.utime(tmp_path / file.name, (number, number))
    assert cache.find(first)
    fourth = put(cache, b"4" * 10, "4.parquet")
    assert [bool(cache.find(file)) for file in (first, second, third, fourth)] == [
        *(True, False, True, True)
    ]


def test_a_file_in_use_stays(tmp_path: Path) -> None:
    cache = IndexCache(tmp_path, 10)
    first = put(cache, b"1" * 10, "1.parquet")
    with cache.in_use([first]):
        put(cache, b"2" * 10, "2.parquet")
        assert cache.find(first)
    put(cache, b"3" * 10, "3.parquet")
    assert not cache.find(first)
