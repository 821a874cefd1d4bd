"""Files that hold tokens: nobody but their owner can read them, at any moment."""

import os
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write a file with the mode 0600, which it then also has if it was there before."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.truncate()
        file.write(text)
