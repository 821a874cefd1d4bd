"""Which options BLAST+ does not take together. Pure.

Source: "Incompatible with" and "Requires" in its `-help`, and trial of pairs on BLAST+ 2.12.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from shared.contracts.search import Program
from shared.elastic_blast import scoring

Values = Mapping[str, str]
"""The options of a search: the value of each flag, empty for a flag without one."""


class OptionFault(NamedTuple):
    """A fault of an option; `flag` is empty for text without a flag."""

    flag: str
    message: str


EXCLUSIVE = (
    ("-taxids", "-negative_taxids"),
    ("-max_target_seqs", "-num_descriptions"),
    ("-max_target_seqs", "-num_alignments"),
    ("-culling_limit", "-best_hit_overhang"),
    ("-culling_limit", "-best_hit_score_edge"),
    ("-ungapped", "-use_sw_tback"),
)
"""Pairs of flags that BLAST+ rejects together; it crashes for the last one."""
TEMPLATE = ("-template_type", "-template_length")
_FIRST_COMPLETE_FORMAT = 5
"""The formats below it list descriptions and alignments apart."""
_DISCONTIGUOUS = "dc-megablast"
_WORD_SIZES = {"megablast": 28, _DISCONTIGUOUS: 11, "blastn": 11, "blastn-short": 7}
_WINDOW_SIZES = {_DISCONTIGUOUS: 40}
_TASK_MATRICES = {"blastp-short": "PAM30"}


def rule_faults(program: Program, values: Values, outfmt: int | None) -> Iterator[OptionFault]:
    """Yield the faults of options that are valid each for itself."""
    for first, second in EXCLUSIVE:
        if first in values and second in values:
            yield OptionFault(second, f"{first} and {second} cannot be given together")
    yield from _no_hit_faults(values, outfmt)
    if program is Program.BLASTN:
        yield from _nucleotide_faults(values)
    else:
        yield from _protein_faults(values)


def _no_hit_faults(values: Values, outfmt: int | None) -> Iterator[OptionFault]:
    if _integer(values, "-num_alignments") != 0:
        return
    if _integer(values, "-num_descriptions") == 0 or (outfmt or 0) >= _FIRST_COMPLETE_FORMAT:
        yield OptionFault(
            "-num_alignments", "-num_alignments must be at least 1, or no hit is kept"
        )


def _nucleotide_faults(values: Values) -> Iterator[OptionFault]:
    task = values.get("-task", scoring.DEFAULT_TASK)
    window_size = _integer(values, "-window_size")
    if window_size is None:
        window_size = _WINDOW_SIZES.get(task, 0)
    if _integer(values, "-off_diagonal_range") and not window_size:
        message = "-off_diagonal_range needs a -window_size of at least 1"
        yield OptionFault("-off_diagonal_range", message)
    yield from _template_faults(values, task)
    yield from _score_faults(values, task)


def _template_faults(values: Values, task: str) -> Iterator[OptionFault]:
    given = [flag for flag in TEMPLATE if flag in values]
    if len(given) == 1:
        yield OptionFault(given[0], f"{' and '.join(TEMPLATE)} must be given together")
    if given and task not in (_DISCONTIGUOUS, scoring.DEFAULT_TASK):
        yield OptionFault(given[0], f"{given[0]} needs -task {_DISCONTIGUOUS}")
    word_size = _integer(values, "-word_size") or _WORD_SIZES[task]
    if (given or task == _DISCONTIGUOUS) and word_size not in (11, 12):
        message = f"-word_size must be 11 or 12 for {_DISCONTIGUOUS} and templates"
        yield OptionFault("-word_size" if "-word_size" in values else given[0], message)


def _score_faults(values: Values, task: str) -> Iterator[OptionFault]:
    flags = ("-reward", "-penalty", "-gapopen", "-gapextend")
    given = [flag for flag in flags if flag in values]
    defaults = scoring.TASK_SCORES[task]
    numbers = (
        int(values.get(flag, default))
        for flag, default in zip(flags, defaults.as_tuple(), strict=True)
    )
    scores = scoring.NucleotideScores(*numbers)
    is_greedy = task == scoring.DEFAULT_TASK and "-no_greedy" not in values
    if (scores.gap_open, scores.gap_extend) == (0, 0) and not is_greedy:
        flag = "-no_greedy" if "-no_greedy" in values else given[0]
        yield OptionFault(flag, f"{flag} needs -gapopen and -gapextend greater than 0")
    elif given and "-ungapped" not in values and (message := scores.fault()):
        yield OptionFault(given[0], f"the scores {message}")


def _protein_faults(values: Values) -> Iterator[OptionFault]:
    if "-ungapped" in values and values.get("-comp_based_stats") not in ("0", "F", "f"):
        yield OptionFault("-ungapped", "-ungapped needs -comp_based_stats 0")
    task_matrix = _TASK_MATRICES.get(values.get("-task", ""), scoring.DEFAULT_MATRIX)
    matrix = values.get("-matrix", task_matrix)
    given = [flag for flag in ("-gapopen", "-gapextend") if flag in values]
    costs = scoring.MATRICES[matrix]
    pair = (
        int(values.get("-gapopen", costs.default[0])),
        int(values.get("-gapextend", costs.default[1])),
    )
    if given and pair not in costs.allowed:
        allowed = ", ".join(f"{first}/{last}" for first, last in sorted(costs.allowed))
        message = (
            f"{matrix} allows -gapopen/-gapextend {allowed}, not {pair[0]}/{pair[1]}; the default"
            f" is {costs.default[0]}/{costs.default[1]}"
        )
        yield OptionFault(given[0], message)


def _integer(values: Values, flag: str) -> int | None:
    return int(values[flag]) if flag in values else None
