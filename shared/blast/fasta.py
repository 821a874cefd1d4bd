"""FASTA text of a query: how much is in it, and what is wrong with it. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from shared.contracts.search import Program

_NUCLEOTIDE_QUERY = {Program.BLASTN, Program.BLASTX, Program.TBLASTX, Program.RPSTBLASTN}
_NOT_NUCLEOTIDE = re.compile(r"[^ACGTUNRYKMSWBDHVIacgtunrykmswbdhvi*-]")
_NOT_RESIDUE = re.compile(r"[^A-Za-z*-]")
MOST_FAULTS = 10


@dataclass(frozen=True)
class Fasta:
    """Sequences of a query, as counts."""

    sequences: int
    residues: int


def measure(text: str) -> Fasta:
    """How many sequences and residues a well-formed text has."""
    lines = text.splitlines()
    heads = sum(line.startswith(">") for line in lines)
    residues = sum(len(line.strip()) for line in lines if not line.startswith(">"))
    return Fasta(heads, residues)


def faults(text: str, program: Program | None) -> list[str]:
    """What is wrong with the text as a query of this program; sequences are not quoted."""
    found: list[str] = []
    for fault in _faults(text, program):
        found.append(fault)
        if len(found) == MOST_FAULTS:
            break
    return found


def _faults(text: str, program: Program | None) -> Iterator[str]:
    strange = _NOT_NUCLEOTIDE if program in _NUCLEOTIDE_QUERY else _NOT_RESIDUE
    kind = "nucleotides" if program in _NUCLEOTIDE_QUERY else "residues"
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
        elif bad := strange.search(line):
            yield f"line {number} has {bad[0]!r}, which is not among {kind}"
        length += 0 if line.startswith(">") else len(line)
    if not head:
        yield "has no sequence"
    elif not length:
        yield f"the sequence at line {head} is empty"
