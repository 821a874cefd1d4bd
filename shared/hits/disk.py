"""Tells a full disk from other faults."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import Unavailable

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def report_full_disk(task: str) -> Iterator[None]:
    """Raises Unavailable if Python or DuckDB meets a full disk; `task` names what stops."""
    try:
        yield
    except Exception as error:
        if not _is_full(error):
            raise
        raise Unavailable("disk_full", f"the disk is full while {task}") from error


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in _FULL
    import duckdb

    # DuckDB has no error of its own for it: the system's words are in its message.
    is_io = isinstance(error, duckdb.IOException)
    return is_io and any(os.strerror(number) in str(error) for number in _FULL)
