"""Figures of a measurement: percentiles, processor time, and the lines that are printed."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles

from local.processes import Child

TICKS = os.sysconf("SC_CLK_TCK")


def no_options(description: str | None) -> None:
    """For a program without options: print its help, or refuse what it does not know."""
    argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()


def title() -> None:
    print(f"{'what':60} {'measured':>70}   budget", flush=True)


def show(label: str, text: str, budget: str = "") -> None:
    """Print one line of the table."""
    print(f"{label:60} {text:>70}   {budget}".rstrip(), flush=True)


def times(took: Sequence[float]) -> str:
    """`took` in milliseconds."""
    return f"p50 {median(took):.1f} p95 {percentile(took, 95):.1f} ms"


def percentile(took: Sequence[float], share: int) -> float:
    """The value that `share` of 100 do not exceed."""
    return quantiles(took, n=100)[share - 1] if len(took) > 1 else took[0]


def cpu_seconds(child: Child) -> float:
    """User and system time of a program and its own children, their threads included (Linux)."""
    return sum(_stat(pid) for pid in pids(child)) / TICKS


def memory(child: Child) -> float:
    """MiB that a program and its children have taken at most, each by itself, added (Linux)."""
    return sum(_peak(pid) for pid in pids(child)) / 1024


def pids(child: Child) -> list[int]:
    """The program's process, and its children's."""
    parent = child.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [parent, *map(int, children)]


def _stat(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _peak(pid: int) -> int:
    """KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])
