"""The scores and gap costs for which BLAST+ has statistics; it refuses all others. Pure.

Source: the lists that BLAST+ 2.12 prints when it refuses a pair of gap costs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd

Costs = tuple[int, int]
"""Of the opening of a gap, and of each of its letters."""

NO_GAPS: Costs = (32767, 32767)
"""BLAST+'s way to say that there are no gaps; for any matrix."""


@dataclass(frozen=True)
class MatrixCosts:
    """Gap costs of a matrix; BLAST+ takes what is not given from the default."""

    default: Costs
    allowed: frozenset[Costs]


def _costs(default: Costs, *allowed: str) -> MatrixCosts:
    """Costs from texts such as `11-13/1`: opening 11, 12 or 13, each letter 1."""
    pairs: set[Costs] = {NO_GAPS}
    for text in allowed:
        opening, _, letter = text.partition("/")
        first, _, last = opening.partition("-")
        pairs.update((cost, int(letter)) for cost in range(int(first), int(last or first) + 1))
    return MatrixCosts(default, frozenset(pairs))


MATRICES: Mapping[str, MatrixCosts] = {
    "BLOSUM45": _costs((14, 2), "10-13/3", "12-16/2", "16-19/1"),
    "BLOSUM50": _costs((13, 2), "9-13/3", "12-16/2", "15-19/1"),
    "BLOSUM62": _costs((11, 1), "6-11/2", "9-13/1"),
    "BLOSUM80": _costs((10, 1), "25/2", "13/2", "6-9/2", "9-11/1"),
    "BLOSUM90": _costs((10, 1), "6-9/2", "9-11/1"),
    "PAM30": _costs((9, 1), "5-7/2", "8-10/1", "15/3", "14/2", "14/1", "13/3"),
    "PAM70": _costs((10, 1), "6-8/2", "9-11/1", "11/2", "12/3"),
    "PAM250": _costs((14, 2), "11-15/3", "13-17/2", "17-21/1"),
    "IDENTITY": _costs((15, 2), "15/2"),
}
DEFAULT_MATRIX = "BLOSUM62"


@dataclass(frozen=True)
class NucleotideCosts:
    """Gap costs of a reward and a penalty without a common factor."""

    allowed: frozenset[Costs]
    least: Costs
    """Of these costs and any greater ones there are statistics, too."""
    has_greedy: bool
    """Whether there are statistics without costs, for megablast's greedy extension."""


def _row(allowed: str, least: Costs, *, has_greedy: bool = True) -> NucleotideCosts:
    pairs = (tuple(map(int, text.split("/"))) for text in allowed.split())
    return NucleotideCosts(frozenset((first, last) for first, last in pairs), least, has_greedy)


NUCLEOTIDES: Mapping[Costs, NucleotideCosts] = {
    (1, -1): _row("3/2 2/2 1/2 0/2 4/1 3/1 2/1", (4, 2), has_greedy=False),
    (1, -2): _row("2/2 1/2 0/2 3/1 2/1 1/1", (2, 2)),
    (1, -3): _row("2/2 1/2 0/2 2/1 1/1", (2, 2)),
    (1, -4): _row("1/2 0/2 2/1 1/1", (2, 2)),
    (1, -5): _row("3/3", (3, 3)),
    (2, -3): _row("4/4 2/4 0/4 3/3 6/2 5/2 4/2 2/2", (6, 4)),
    (2, -5): _row("2/4 0/4 4/2 2/2", (4, 4)),
    (2, -7): _row("2/4 0/4 4/2 2/2", (4, 4)),
    (3, -2): _row("5/5", (5, 5), has_greedy=False),
    (3, -4): _row("6/3 5/3 4/3 6/2 5/2 4/2", (6, 3), has_greedy=False),
    (4, -5): _row("6/5 5/5 4/5 3/5", (12, 8)),
    (5, -4): _row("10/6 8/6", (25, 10), has_greedy=False),
}
"""By reward and penalty."""


@dataclass(frozen=True)
class NucleotideScores:
    """The scores of a nucleotide search."""

    reward: int
    penalty: int
    gap_open: int
    gap_extend: int

    def as_tuple(self) -> tuple[int, int, int, int]:
        return self.reward, self.penalty, self.gap_open, self.gap_extend

    def fault(self) -> str | None:
        """Complete "the scores ..." if BLAST+ has no statistics for them."""
        factor = gcd(self.reward, self.penalty)
        row = NUCLEOTIDES.get((self.reward // factor, self.penalty // factor))
        pair = f"with -reward {self.reward} and -penalty {self.penalty}"
        if row is None:
            return f"{pair} are not supported by BLAST"
        if self._fits(row, factor):
            return None
        allowed = ", ".join(
            f"{first * factor}/{last * factor}" for first, last in sorted(row.allowed)
        )
        first, last = (cost * factor for cost in row.least)
        return (
            f"{pair} allow -gapopen/-gapextend {allowed}, or at least {first}/{last},"
            f" not {self.gap_open}/{self.gap_extend}"
        )

    def _fits(self, row: NucleotideCosts, factor: int) -> bool:
        if (self.gap_open, self.gap_extend) == (0, 0):
            return row.has_greedy
        least_open, least_extend = (cost * factor for cost in row.least)
        if self.gap_open >= least_open and self.gap_extend >= least_extend:
            return True
        pairs = {(first * factor, last * factor) for first, last in row.allowed}
        return (self.gap_open, self.gap_extend) in pairs


TASK_SCORES: Mapping[str, NucleotideScores] = {
    "megablast": NucleotideScores(1, -2, 0, 0),
    "blastn": NucleotideScores(2, -3, 5, 2),
    "blastn-short": NucleotideScores(1, -3, 5, 2),
    "dc-megablast": NucleotideScores(2, -3, 5, 2),
}
"""The defaults of the tasks of blastn."""
DEFAULT_TASK = "megablast"
