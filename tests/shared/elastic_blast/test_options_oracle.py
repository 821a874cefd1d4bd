"""The allow-list against real BLAST+: it refuses what BLAST+ refuses, and EXCEPTIONS.

Values of each flag of each program, and random combinations of flags, are run on BLAST+.
"""

import random
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import pytest

from shared.contracts.search import Program
from shared.elastic_blast.allowed_options import OUTFMT, faults
from shared.elastic_blast.option_table import OPTIONS
from shared.elastic_blast.scoring import MATRICES, NUCLEOTIDES, TASK_SCORES
from tests.support.blast_oracle import NUCLEOTIDE_QUERY, RESIDUES, TIMED_OUT, BlastOracle
from tests.support.blast_oracle import NUCLEOTIDES as LETTERS
from tests.support.random_options import numbers, random_options, valid_values

PARALLELISM = 2
EXCEPTIONS = {
    r"-window_size [0-9]{5,}": "BLAST+ does not end with 999,999,999",
    r"-\w+ [0-9]{10,}": "integers of 10^9 and more: BLAST+ takes them, and crashes for some",
    r"-\w+ 1e400": "BLAST+ takes it for infinity",
    r"-(min_raw_gapped_score|pseudocount|gap\w+) -": "costs and scores less than 0 are of no use",
    r"-(num_iterations|inclusion_ethresh|gap_trigger|dbsize) -": "the same",
    r"-(xdrop_\w+|evalue) -": "the same",
    r"-comp_based_stats foo": "BLAST+ reads any other word as a default",
    r"-outfmt (6|7|10|17) .*foo": "BLAST+ passes over a column that it does not know",
    r"-outfmt (0|5) qseqid": "BLAST+ passes over columns that the format does not have",
    r"-outfmt 6 delim=,": "the readers of hits need tabs",
    r"-(strand|seg|dust) foo": "BLAST+ reads it as a default",
}
"""What the allow-list refuses and BLAST+ takes, with the reason."""
ELSEWHERE = ("-taxids", "-negative_taxids", "-window_masker_taxid")
"""Flags whose values BLAST+ looks up in the database, or in files of the node: not judged here."""


NOT_REFUSED = ("Widths already exist for the original alignment",)
"""Failures of BLAST+ 2.12 that depend on the hits, of rpstblastn, and not on the options."""
SLOW = "-threshold"
"""A low threshold with long words takes very long; it is not refused."""


@dataclass(frozen=True)
class Trial:
    """Options of a program. Columns are one argument with their format, as on the cluster."""

    program: Program
    words: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(self.words)


def single_values(program: Program) -> Iterator[Trial]:
    for flag, values in OPTIONS.items():
        for value in numbers(values[program]) if program in values else [""]:
            yield Trial(program, (flag, *([value] if value else ())))
    columns = ("6 std", "7 qseqid staxids", "6 foo", "10 qcovs", "17 SQ", "0 qseqid", "6 delim=,")
    for outfmt in (*map(str, range(-1, 21)), *columns):
        yield Trial(program, (OUTFMT, outfmt))


def combinations(program: Program, chance: random.Random, count: int) -> Iterator[Trial]:
    """Two to four flags with values that the allow-list takes for each alone."""
    valid = valid_values(program, ELSEWHERE)
    for _ in range(count):
        yield Trial(program, tuple(random_options(valid, chance, 4)))


def scores(chance: random.Random, count: int) -> Iterator[Trial]:
    """Scores and gap costs of nucleotides, near those that BLAST+ supports."""
    for _ in range(count):
        words = ["-task", chance.choice(sorted(TASK_SCORES))]
        reward, penalty = chance.choice([*NUCLEOTIDES, (2, -2), (2, -6), (1, -6), (4, -3), (6, -8)])
        values = {
            "-reward": str(reward),
            "-penalty": str(penalty),
            "-gapopen": str(chance.choice([0, 0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 25])),
            "-gapextend": str(chance.choice([0, 1, 2, 2, 3, 4, 5, 6, 8, 10])),
        }
        for flag, text in values.items():
            if chance.random() < 0.8:
                words += [flag, text]
        if chance.random() < 0.1:
            words.append("-no_greedy")
        yield Trial(Program.BLASTN, tuple(words))


def gap_costs(chance: random.Random, count: int) -> Iterator[Trial]:
    """Matrices and gap costs of proteins."""
    programs = (Program.BLASTP, Program.BLASTX, Program.TBLASTN, Program.PSIBLAST)
    for _ in range(count):
        program = chance.choice(programs)
        words = ["-matrix", chance.choice(sorted(MATRICES))] if chance.random() < 0.8 else []
        for flag, most in (("-gapopen", 22), ("-gapextend", 4)):
            if chance.random() < 0.8:
                words += [flag, str(chance.randint(0, most))]
        if program is Program.BLASTP and chance.random() < 0.2:
            words += ["-task", "blastp-short"]
        yield Trial(program, tuple(words))


def disagreement(oracle: BlastOracle, trial: Trial) -> str | None:
    """What BLAST+ and the allow-list do not agree on."""
    words = trial.words if OUTFMT in trial.words else (*trial.words, OUTFMT, "6")
    is_refused = bool(list(faults(trial.program, " ".join(words))))
    if not is_refused and set(trial.words) & set(ELSEWHERE):
        return None
    if is_refused and any(re.fullmatch(pattern + ".*", trial.text) for pattern in EXCEPTIONS):
        return None
    letters = LETTERS if trial.program in NUCLEOTIDE_QUERY else RESIDUES
    verdict = oracle.run(trial.program, f">q\n{letters}\n".encode(), words)
    if any(text in verdict.stderr for text in NOT_REFUSED):
        return None
    if verdict.exit_code == TIMED_OUT and SLOW in trial.words:
        return None
    if is_refused is (verdict.has_failed or verdict.finds_nothing):
        return None
    return f"{trial.program} {trial.text}: {verdict.exit_code} {verdict.stderr[-200:]}"


def trials(part: int, of: int) -> list[Trial]:
    """Every `of`-th trial, from `part` on."""
    chance = random.Random(0)
    every = [trial for program in Program for trial in single_values(program)]
    for program in Program:
        every += combinations(program, chance, 100)
    every += [*scores(chance, 400), *gap_costs(chance, 300)]
    return every[part::of]


def disagreements(oracle: BlastOracle, chosen: list[Trial]) -> list[str]:
    with ThreadPoolExecutor(PARALLELISM) as pool:
        found = pool.map(partial(disagreement, oracle), chosen)
        return [text for text in found if text]


@pytest.mark.acceptance
def test_failure_51_the_allow_list_agrees_with_blast(oracle: BlastOracle) -> None:
    assert disagreements(oracle, trials(7, 50)) == []


@pytest.mark.faults
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(4))
def test_failure_51_the_allow_list_agrees_with_blast_on_all(oracle: BlastOracle, part: int) -> None:
    assert disagreements(oracle, trials(part, 4)) == []
