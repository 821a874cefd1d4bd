"""The demo's sequences, and the search over them."""

from pathlib import Path

DEMO_FASTA = Path(__file__).parent / "orchid_its.fasta"
"""94 sequences of slipper orchids; README.md gives their source."""

DEMO_DATABASE = "orchid_its"
"""The name of the database made of them."""

DEMO_PROGRAM = "blastn"
DEMO_OPTIONS = "-evalue 1e-20 -max_target_seqs 50 -outfmt 6"

DEMO_BATCH_LEN = 4000
"""Residues per batch: the 20 queries, of 587 to 774 residues each, make exactly 4 batches of 5."""


def demo_queries() -> str:
    """FASTA of 20 of the sequences: every fourth, so that all genera are represented."""
    records = DEMO_FASTA.read_text().split("\n>")
    return "\n>".join(record.rstrip() for record in records[:80:4]) + "\n"
