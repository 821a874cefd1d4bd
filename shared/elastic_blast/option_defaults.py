"""The values that BLAST+ uses where a search has none, by flag and program, for its default task.

Source: `-help` of BLAST+ 2.12 where it says so; else its blast_options.h. A test runs each on
BLAST+, and compares with the search without the flag.
"""

from collections.abc import Mapping

from shared.contracts.search import Program
from shared.elastic_blast.scoring import DEFAULT_MATRIX, DEFAULT_TASK, MATRICES, TASK_SCORES

_ALL = frozenset(Program)
_PSSM = frozenset({Program.RPSBLAST, Program.RPSTBLASTN})
_TRANSLATED = frozenset({Program.BLASTX, Program.TBLASTN, Program.TBLASTX})
_NEIGHBORS = _TRANSLATED | {Program.BLASTP, Program.PSIBLAST}
"""The programs with a matrix, and with words that are only similar."""
_GAPPED = _NEIGHBORS - {Program.TBLASTX}
_GAP_OPEN, _GAP_EXTEND = MATRICES[DEFAULT_MATRIX].default
_NUCLEOTIDE_SCORES = TASK_SCORES[DEFAULT_TASK]
_NUCLEOTIDE_MASKING = "yes"
"""BLAST+ has `20 64 1` for it, as `12 2.2 2.5` for that of proteins."""

DEFAULTS: Mapping[str, Mapping[Program, str]] = {
    "-evalue": dict.fromkeys(_ALL, "10"),
    "-max_target_seqs": dict.fromkeys(_ALL, "500"),
    "-word_size": {**dict.fromkeys(_NEIGHBORS, "3"), Program.BLASTN: "28"},
    "-gapopen": {
        **dict.fromkeys(_GAPPED, str(_GAP_OPEN)),
        Program.BLASTN: str(_NUCLEOTIDE_SCORES.gap_open),
    },
    "-gapextend": {
        **dict.fromkeys(_GAPPED, str(_GAP_EXTEND)),
        Program.BLASTN: str(_NUCLEOTIDE_SCORES.gap_extend),
    },
    "-dust": {Program.BLASTN: _NUCLEOTIDE_MASKING},
    "-seg": {
        **dict.fromkeys(_ALL - _TRANSLATED - {Program.BLASTN}, "no"),
        **dict.fromkeys(_TRANSLATED, "yes"),
    },
    "-soft_masking": {**dict.fromkeys(_ALL, "false"), Program.BLASTN: "true"},
    "-perc_identity": {Program.BLASTN: "0"},
    "-qcov_hsp_perc": dict.fromkeys(_ALL, "0"),
    "-matrix": dict.fromkeys(_NEIGHBORS, DEFAULT_MATRIX),
    "-threshold": {
        **dict.fromkeys((Program.BLASTP, Program.PSIBLAST), "11"),
        Program.BLASTX: "12",
        **dict.fromkeys((Program.TBLASTN, Program.TBLASTX), "13"),
    },
    "-comp_based_stats": {
        **dict.fromkeys(_GAPPED, "2"),
        **dict.fromkeys(_PSSM, "1"),
    },
}
