"""One BLAST+ run by hand over the demo's sequences, to compare results with."""

import subprocess
from pathlib import Path

from local.demo.queries import DEMO_FASTA


def by_hand(
    folder: Path, queries: str, *options: str, outfmt: str = "5", task: str = "blastn"
) -> str:
    """The output of one blastn for all queries; `folder` keeps its database."""
    argv: tuple[str, ...]
    argv = ("makeblastdb", "-in", str(DEMO_FASTA), "-dbtype", "nucl", "-out", str(folder / "db"))
    subprocess.run(argv, check=True, capture_output=True, timeout=60)
    (folder / "by_hand.fa").write_text(queries)
    argv = ("blastn", "-task", task, "-query", str(folder / "by_hand.fa"), "-db")
    argv += (str(folder / "db"), "-outfmt", outfmt, *options)
    ended = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60)
    return ended.stdout
