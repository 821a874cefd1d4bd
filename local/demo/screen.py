"""What the local run prints for the person beside it."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from local.demo.hits import Hit

WIDTH = 24
MOST_HITS = 8


@dataclass
class ProgressLine:
    """One line that is drawn again as a job moves; where nobody can see that, a line a change."""

    began: float = field(default_factory=time.monotonic)
    live: bool = field(default_factory=sys.stdout.isatty)
    _last: tuple[object, ...] = ()

    def show(self, job: dict[str, Any]) -> None:
        """Show the state of a job, as GET answers it."""
        done, total = job["splits_done"], job["splits_total"]
        seen = (job["phase"], done, total, job.get("reason"))
        if seen == self._last and not self.live:
            return
        filled = WIDTH * done // total if total else 0
        bar = "█" * filled + "░" * (WIDTH - filled)
        count = f"{done}/{total} batches" if total else "..."
        seconds = time.monotonic() - self.began
        line = f"  {seconds:5.1f} s  {bar}  {job['phase']:<18} {count}  {job.get('reason', '')}"
        sys.stdout.write(f"\r\x1b[K{line.rstrip()}" if self.live else f"{line.rstrip()}\n")
        sys.stdout.flush()
        self._last = seen

    def end(self) -> None:
        if self.live:
            sys.stdout.write("\n")


def say(text: str = "") -> None:
    print(text, flush=True)


def part_is_ready(name: str, seconds: float) -> None:
    say(f"  {name:<10} ready in {seconds:4.1f} s")


def hits_table(hits: Sequence[Hit]) -> None:
    """The first of these hits, as a small table."""
    columns = f"{'identity':>9} {'length':>7} {'e-value':>9} {'bits':>6}"
    say(f"  {'query':<12} {'best other':<12} {columns}")
    for hit in hits[:MOST_HITS]:
        values = f"{hit.identity:>8.1f}% {hit.length:>7} {hit.evalue:>9} {hit.bit_score:>6.0f}"
        say(f"  {hit.query:<12} {hit.subject:<12} {values}")
    if len(hits) > MOST_HITS:
        say(f"  ... and {len(hits) - MOST_HITS} more queries")
