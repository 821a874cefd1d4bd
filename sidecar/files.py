"""Writes files atomically and durably, readable by this user alone."""

import contextlib
import os
import shutil
from pathlib import Path


def write_file(path: Path, text: str) -> None:
    """Replace `path` atomically, mode 0600; the data is on disk on return.

    Raises OSError; removes its draft first, so that a full disk is not filled further.
    """
    draft = path.with_name(f"{path.name}-draft")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        with contextlib.suppress(OSError):  # raise the first error, not this one
            draft.unlink()
        raise
    _sync_folder(path.parent)


def remove(path: Path) -> None:
    """Remove a file, or a folder found at its path. Idempotent."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
