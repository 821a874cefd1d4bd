"""The lock of the state folder: one sidecar at a time serves from it."""

import asyncio
import contextlib
import fcntl
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeVar

T = TypeVar("T")


class StateLock:
    """Acquires the lock in a thread, because on NFS every call can block for long.

    The thread is a daemon, so it never delays the process's exit.
    """

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "lock"
        self._loop = asyncio.get_running_loop()
        self._file: IO[str] | None = None
        self.is_free: asyncio.Future[bool] = self._loop.create_future()
        """Whether the first attempt succeeded. Holds an OSError if the folder cannot be used."""
        self.acquired: asyncio.Future[None] = self._loop.create_future()
        """Done when the lock is held. Holds an OSError if the folder cannot be used."""

    def start(self) -> None:
        """Start to acquire it."""
        threading.Thread(target=self._acquire, name="state-lock", daemon=True).start()

    def release(self) -> None:
        """Release it if it is held. Idempotent."""
        if self._file:
            self._file.close()
            self._file = None

    def _acquire(self) -> None:
        try:
            file = self._open()
            is_free = _try_lock(file)
            self._report(lambda: _resolve(self.is_free, is_free))
            if not is_free:
                fcntl.flock(file, fcntl.LOCK_EX)
            while not _is_same_file(file, self._path):  # the file was removed during the wait
                file.close()
                file = self._open()
                fcntl.flock(file, fcntl.LOCK_EX)
            self._file = file
            self._report(lambda: _resolve(self.acquired, None))
        except OSError as error:
            failure = error  # `error` is unbound after this block
            self._report(lambda: _fail(self.is_free, failure))
            self._report(lambda: _fail(self.acquired, failure))

    def _open(self) -> IO[str]:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._path.open("a")

    def _report(self, report: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process is ending
            self._loop.call_soon_threadsafe(report)


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_same_file(file: IO[str], path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False


def _resolve(future: asyncio.Future[T], value: T) -> None:
    if not future.done():
        future.set_result(value)


def _fail(future: asyncio.Future[T], error: OSError) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # mark as retrieved: there may be no waiter any more
