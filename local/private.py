"""Writes files that hold tokens: mode 0600 from the moment of their creation."""

import os
from pathlib import Path
from typing import TextIO


def write_private(path: Path, text: str) -> None:
    """Write a file with mode 0600, also when it existed with another mode."""
    with open_private(path) as file:
        file.truncate(0)
        file.write(text)


def open_private(path: Path) -> TextIO:
    """Open a file with mode 0600 for appending."""
    file = open(path, "a", opener=lambda name, flags: os.open(name, flags, 0o600))  # noqa: SIM115
    os.fchmod(file.fileno(), 0o600)
    return file
