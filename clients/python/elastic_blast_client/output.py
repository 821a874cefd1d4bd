"""What blastctl prints: tables and a progress bar on a terminal, JSON lines in a pipe."""

import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self, TextIO

from elastic_blast_client.errors import TryAgain
from elastic_blast_client.models import Job

BAR = 30
"""Characters of the bar."""


def report_retry(error: TryAgain, tries: int) -> None:
    """Say once why a command takes longer: the server is away, or asks to wait."""
    if tries == 1:
        sys.stderr.write(f"blastctl: {error}: trying again\n")
        sys.stderr.flush()


class Progress:
    """The progress of a search: one line that changes, or a JSON line for each change.

    As a context: the line is ended, so that an error has a line of its own.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._bar = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._draw("\n")

    def report_retry(self, error: TryAgain, tries: int) -> None:
        """The same as the function, above the line that changes."""
        if self._bar and tries == 1:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
        report_retry(error, tries)
        if self._bar and tries == 1:
            self._draw()

    def show(self, job: Job) -> None:
        if self._is_terminal:
            self._bar = _bar(job)
            self._draw()
        else:
            done, total = job.batches
            line: dict[str, Any] = {"job_id": job.job_id, "status": job.status, "phase": job.phase}
            line |= {"done": done, "total": total, "reason": job.reason, "error": job.error}
            self._stream.write(json.dumps({k: v for k, v in line.items() if v is not None}) + "\n")
            self._stream.flush()

    def _draw(self, end: str = "") -> None:
        width = shutil.get_terminal_size().columns - 1
        self._stream.write(f"\r\x1b[K{self._bar[:width]}{end}")
        self._stream.flush()


def _bar(job: Job) -> str:
    done, total = job.batches
    share = done / total if total else 0
    filled = BAR if job.status == "completed" else int(BAR * share)
    counts = f" {done} of {total} batches" if total else ""
    why = f": {job.reason}" if job.reason else ""
    return f"[{'#' * filled}{'.' * (BAR - filled)}]{counts} {job.phase}{why}"


def print_rows(
    names: Sequence[str], rows: Sequence[Sequence[str]], objects: Iterable[Mapping[str, Any]]
) -> None:
    """A table for people, or the objects as JSON lines in a pipe."""
    if not sys.stdout.isatty():
        for each in objects:
            print(json.dumps(each))
        return
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    for row in (names, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def print_json(value: Mapping[str, Any]) -> None:
    print(json.dumps(value, indent=2))
