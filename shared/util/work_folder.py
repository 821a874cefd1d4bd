"""Folders for the work of one process, which are removed even if it is killed."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "work-"


def default_parent() -> Path:
    """The folder of this machine's temporary files that has the work folders of all processes."""
    return Path(tempfile.gettempdir()) / "blast-work"


@contextmanager
def work_folder(parent: Path) -> Iterator[Path]:
    """A new, empty folder in `parent`; it is removed at the end.

    Those of processes that were killed are removed, too: each folder is locked by its process, and
    the system releases the lock when the process ends.
    """
    parent.mkdir(parents=True, exist_ok=True)
    parent_lock = _lock(parent)
    try:  # a folder that is not locked yet is not taken for an abandoned one
        _remove_abandoned(parent)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        folder_lock = _lock(folder)
    finally:
        os.close(parent_lock)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(folder_lock)


def _lock(folder: Path, options: int = 0) -> int:
    """Lock a folder until the returned descriptor is closed. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | options)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{PREFIX}*"):
        try:
            lock = _lock(folder, fcntl.LOCK_NB)
        except (BlockingIOError, FileNotFoundError):
            continue  # in use, or just removed by its process
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)
