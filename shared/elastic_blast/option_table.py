"""The options of BLAST+ that a search can have, by flag and program, with their values.

Source: `-help` of BLAST+ 2.12, and trial of single values on it. A test runs each on BLAST+.
"""

from shared.contracts.search import Program
from shared.elastic_blast.option_values import (
    INT64,
    Choice,
    Integer,
    Nothing,
    Number,
    Range,
    Taxids,
    Value,
)

_N, _X, _TX = (frozenset({p}) for p in (Program.BLASTN, Program.BLASTX, Program.TBLASTX))
_P, _TN, _PSI = (frozenset({p}) for p in (Program.BLASTP, Program.TBLASTN, Program.PSIBLAST))
_RT = frozenset({Program.RPSTBLASTN})
_PSSM = _RT | {Program.RPSBLAST}
_ALL = frozenset(Program)
_PROTEIN = _ALL - _N
_MATRIX = _PROTEIN - _PSSM
_NEIGHBORS = _P | _X | _TN
"""The programs with words of up to 7 residues."""
_GAPPED = _ALL - _TX - _PSSM
_TRANSLATED_QUERY = _X | _TX | _RT

_ANY_NUMBER, _POSITIVE = Number(), Number(is_open=True)
_PERCENT, _BELOW_HALF = Number(0, 100), Number(0, 0.5, is_open=True)
_COUNT = Integer(1)
_YES_NO, _BOOLEAN = Choice(("yes", "no")), Choice(("true", "false"))
_GENETIC_CODE = Choice(tuple(str(n) for n in (*range(1, 7), *range(9, 17), *range(21, 32), 33)))
_MATRICES = (
    *("BLOSUM45", "BLOSUM50", "BLOSUM62", "BLOSUM80", "BLOSUM90"),
    *("PAM30", "PAM70", "PAM250"),
)
_TASKS = {
    Program.BLASTN: ("blastn", "blastn-short", "dc-megablast", "megablast"),
    Program.BLASTP: ("blastp", "blastp-fast", "blastp-short"),
    Program.BLASTX: ("blastx", "blastx-fast"),
    Program.TBLASTN: ("tblastn", "tblastn-fast"),
}

_ROWS: tuple[tuple[str, Value, frozenset[Program]], ...] = (
    ("-evalue", _POSITIVE, _ALL),
    ("-max_target_seqs", _COUNT, _ALL),
    ("-max_hsps", _COUNT, _ALL),
    ("-num_descriptions", Integer(), _ALL),
    ("-num_alignments", Integer(), _ALL),
    ("-line_length", _COUNT, _ALL),
    ("-qcov_hsp_perc", _PERCENT, _ALL),
    ("-dbsize", Integer(0, INT64), _ALL),
    ("-searchsp", Integer(0, INT64), _ALL),
    ("-query_loc", Range(), _ALL),
    ("-xdrop_ungap", _ANY_NUMBER, _N),
    ("-xdrop_ungap", _POSITIVE, _PROTEIN),
    ("-window_size", Integer(0, 10_000), _ALL),
    ("-soft_masking", _BOOLEAN, _ALL),
    ("-lcase_masking", Nothing(), _ALL),
    ("-parse_deflines", Nothing(), _ALL),
    ("-show_gis", Nothing(), _ALL),
    ("-culling_limit", Integer(), _ALL - _RT),
    ("-best_hit_overhang", _BELOW_HALF, _ALL - _PSSM),
    ("-best_hit_score_edge", _BELOW_HALF, _ALL - _PSSM),
    ("-subject_besthit", Nothing(), _ALL - _RT),
    ("-word_size", Integer(4), _N),
    ("-word_size", Integer(2, 7), _NEIGHBORS),
    ("-word_size", Integer(2, 5), _TX | _PSI),
    ("-taxids", Taxids(), _ALL - _PSSM),
    ("-negative_taxids", Taxids(), _ALL - _PSSM),
    ("-gapopen", Integer(), _GAPPED),
    ("-gapextend", Integer(), _GAPPED),
    ("-xdrop_gap", _ANY_NUMBER, _ALL - _TX),
    ("-xdrop_gap_final", _ANY_NUMBER, _ALL - _TX),
    ("-ungapped", Nothing(), _N | _NEIGHBORS),
    ("-strand", Choice(("both", "plus", "minus")), _N | _TRANSLATED_QUERY),
    *(("-task", Choice(tasks), frozenset({program})) for program, tasks in _TASKS.items()),
    ("-perc_identity", _PERCENT, _N),
    ("-penalty", Integer(-1000, -1), _N),
    ("-reward", Integer(1, 1000), _N),
    ("-dust", _YES_NO, _N),
    ("-window_masker_taxid", Integer(), _N),
    ("-no_greedy", Nothing(), _N),
    ("-min_raw_gapped_score", Integer(), _N),
    ("-off_diagonal_range", Integer(), _N),
    ("-template_type", Choice(("coding", "optimal", "coding_and_optimal")), _N),
    ("-template_length", Choice(("16", "18", "21")), _N),
    ("-seg", _YES_NO, _PROTEIN),
    ("-matrix", Choice(_MATRICES), _X | _PSI),
    ("-matrix", Choice((*_MATRICES, "IDENTITY")), _P | _TN | _TX),
    ("-threshold", _POSITIVE, _MATRIX),
    ("-comp_based_stats", Choice((*"0123DTFdtf", "2u", "3u")), _PROTEIN - _TX),
    ("-use_sw_tback", Nothing(), _PROTEIN - _TX),
    ("-query_gencode", _GENETIC_CODE, _TRANSLATED_QUERY),
    ("-db_gencode", _GENETIC_CODE, _TN | _TX),
    ("-max_intron_length", Integer(), _X | _TN),
    ("-sum_stats", _BOOLEAN, _ALL - _P),
    ("-num_iterations", Integer(), _PSI),
    ("-inclusion_ethresh", _ANY_NUMBER, _PSI),
    ("-pseudocount", Integer(), _PSI),
    ("-gap_trigger", _ANY_NUMBER, _PSI),
)

OPTIONS: dict[str, dict[Program, Value]] = {}
"""The values of each flag, by the programs that have it."""
for _flag, _value, _programs in _ROWS:
    OPTIONS.setdefault(_flag, {}).update(dict.fromkeys(_programs, _value))
