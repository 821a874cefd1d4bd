"""What the local run prints on the terminal."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from local.demo.hits import TabularHit

WIDTH = 24
MAX_HITS = 8


@dataclass
class ProgressLine:
    """A progress line: redrawn in place on a terminal, else one line per change."""

    started_at: float = field(default_factory=time.monotonic)
    live: bool = field(default_factory=sys.stdout.isatty)
    _last: tuple[object, ...] = ()

    def show(self, job: dict[str, Any]) -> None:
        """Show the job, given as GET /api/blast/jobs/{id} returns it."""
        done, total = job["splits_done"], job["splits_total"]
        state = (job["exact_phase"], done, total, job.get("reason"))
        if state == self._last and not self.live:
            return
        filled = WIDTH * done // total if total else 0
        bar = "█" * filled + "░" * (WIDTH - filled)
        count = f"{done}/{total} batches" if total else ""
        seconds = time.monotonic() - self.started_at
        reason = job.get("reason") or ""
        line = f"  {seconds:5.1f} s  {bar}  {job['phase']:<18} {count:<13}  {reason}"
        sys.stdout.write(f"\r\x1b[K{line.rstrip()}" if self.live else f"{line.rstrip()}\n")
        sys.stdout.flush()
        self._last = state

    def end(self) -> None:
        if self.live:
            sys.stdout.write("\n")


def print_line(text: str = "") -> None:
    print(text, flush=True)


def print_part_ready(name: str, seconds: float) -> None:
    print_line(f"  {name:<10} ready in {seconds:4.1f} s")


def print_hits_table(hits: Sequence[TabularHit]) -> None:
    """Print the first of these hits as a table."""
    columns = f"{'identity':>9} {'length':>7} {'e-value':>9} {'bits':>6}"
    print_line(f"  {'query':<12} {'best other':<12} {columns}")
    for hit in hits[:MAX_HITS]:
        values = f"{hit.identity:>8.1f}% {hit.length:>7} {hit.evalue:>9} {hit.bit_score:>6.0f}"
        print_line(f"  {hit.query:<12} {hit.subject:<12} {values}")
    if len(hits) > MAX_HITS:
        print_line(f"  ... and {len(hits) - MAX_HITS} more queries")
