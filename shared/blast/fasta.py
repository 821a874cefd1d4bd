"""Counts and validates the FASTA text of a query. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from shared.contracts.search import Program

_NUCLEOTIDE_QUERY = {Program.BLASTN, Program.BLASTX, Program.TBLASTX, Program.RPSTBLASTN}
_NOT_NUCLEOTIDE = re.compile(r"[^ACGTUNRYKMSWBDHVIacgtunrykmswbdhvi*-]")
_NOT_RESIDUE = re.compile(r"[^A-Za-z*-]")
MOST_FAULTS = 10


@dataclass(frozen=True)
class Fasta:
    """Size of a query."""

    sequences: int
    residues: int


def measure(text: str) -> Fasta:
    """Counts the sequences and residues of a valid text."""
    lines = text.splitlines()
    sequences = sum(line.startswith(">") for line in lines)
    residues = sum(len(line.strip()) for line in lines if not line.startswith(">"))
    return Fasta(sequences, residues)


def faults(text: str, program: Program | None) -> list[str]:
    """The first MOST_FAULTS faults of a query for this program. Quotes no sequence."""
    return list(islice(_faults(text, program), MOST_FAULTS))


def _faults(text: str, program: Program | None) -> Iterator[str]:
    is_nucleotide = program in _NUCLEOTIDE_QUERY
    invalid = _NOT_NUCLEOTIDE if is_nucleotide else _NOT_RESIDUE
    alphabet = "nucleotide" if is_nucleotide else "residue"
    head, length = 0, 0
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if line.startswith(">"):
            if head and not length:
                yield f"the sequence at line {head} is empty"
            head, length = number, 0
        elif line and not head:
            yield "must begin with a line that starts with '>'"
            return
        elif match := invalid.search(line):
            yield f"line {number} has {match[0]!r}, which is not a {alphabet} code"
        length += 0 if line.startswith(">") else len(line)
    if not head:
        yield "has no sequence"
    elif not length:
        yield f"the sequence at line {head} is empty"
