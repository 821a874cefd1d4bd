"""Files that hold tokens: nobody but their owner can read them, at any moment."""

import os
from pathlib import Path
from typing import TextIO


def write_private(path: Path, text: str) -> None:
    """Write a file with the mode 0600, which it then also has if it was there before."""
    with open_private(path) as file:
        file.truncate(0)
        file.write(text)


def open_private(path: Path) -> TextIO:
    """A file of the mode 0600, to write at its end."""
    file = open(path, "a", opener=lambda name, flags: os.open(name, flags, 0o600))  # noqa: SIM115
    os.fchmod(file.fileno(), 0o600)
    return file
