"""Files of indexes on disk: shared by requests, checked by their hash, bounded in size."""

import hashlib
import os
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from shared.errors import Unavailable
from shared.hits.disk import report_full_disk
from shared.hits.index import StoredFile
from shared.util.work_folder import work_folder

_Identity = tuple[int, int, int]
DAMAGED = "index_damaged"
ASK_AGAIN = timedelta(seconds=30)
"""When a client asks again, as each process keeps the list of an index for a minute."""


@dataclass
class IndexCache:
    """Files by their names, which have their content's hash, so that a name has one content.

    Several processes may use one folder: a file appears complete, by a rename. A file that was
    changed or cut is noticed by its size, its time or its hash, and is read again from Blob.
    """

    folder: Path
    max_bytes: int
    _checked: dict[str, _Identity] = field(default_factory=dict)
    """The files whose hash is known to be right, as they were then."""
    _used: Counter[str] = field(default_factory=Counter)
    """How many questions use a file; these stay."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, file: StoredFile) -> Path | None:
        """The path of a file, if it is there and has the right content."""
        path = self.folder / file.name
        try:
            identity = _identity(path)
            if self._checked.get(file.name) != identity:
                if identity[0] != file.size or _hash(path) != file.sha256:
                    path.unlink(missing_ok=True)
                    return None
                self._checked[file.name] = identity
            # The access time is kept here, as most file systems do not; it orders what is removed.
            os.utime(path, ns=(time.time_ns(), identity[1]))
        except FileNotFoundError:  # another process may remove it at any time
            return None
        return path

    @contextmanager
    def in_use(self, files: Iterable[StoredFile]) -> Iterator[None]:
        """Keep the files while they are read."""
        names = [file.name for file in files]
        self._used.update(names)
        try:
            yield
        finally:
            self._used.subtract(names)

    @contextmanager
    def writer(self, file: StoredFile) -> "Iterator[BinaryIO]":
        """A file to write the content to. It takes its place at the end, if its hash is right.

        Raises Unavailable if the disk is full, or the content is not the file's.
        """
        with report_full_disk("the index of hits is fetched"), work_folder(self.folder) as folder:
            self.make_room(file.size)
            part = folder / file.name
            with part.open("wb") as written:
                yield written
            if part.stat().st_size != file.size or _hash(part) != file.sha256:
                text = f"the index file {file.name} is damaged in Blob"
                raise Unavailable(DAMAGED, text, ASK_AGAIN)
            part.replace(self.folder / file.name)

    def make_room(self, size: int) -> None:
        """Remove the files that were not used for longest, so that `size` bytes more fit."""
        with self._lock:
            files = sorted(self._entries(), key=lambda entry: entry[0])
            total = sum(length for _, length, _ in files)
            for _, length, path in files:
                if total + size <= self.max_bytes:
                    return
                if self._used[path.name] <= 0:
                    path.unlink(missing_ok=True)
                    self._checked.pop(path.name, None)
                    total -= length

    def _entries(self) -> Iterator[tuple[int, int, Path]]:
        """Access time, size and path of each file; another process may remove some meanwhile."""
        for path in self.folder.glob("*.parquet"):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            yield status.st_atime_ns, status.st_size, path


def _identity(path: Path) -> _Identity:
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
