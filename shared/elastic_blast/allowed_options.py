"""Allow-list of BLAST+ options, by flag and program.

It has no flag for a file, the database, the query, the output or the number of threads, and allows
no character with a meaning in a shell or a YAML template.
"""

import re
from collections.abc import Iterator, Sequence

from shared.contracts.search import Program

_N = frozenset({Program.BLASTN})
_PSSM = frozenset({Program.RPSBLAST, Program.RPSTBLASTN})
_ALL = frozenset(Program)
_PROTEIN = _ALL - _N
_MATRIX = _PROTEIN - _PSSM
_TBLASTX = frozenset({Program.TBLASTX})
_GAPPED = _ALL - _TBLASTX - _PSSM
_TRANSLATED_QUERY = frozenset({Program.BLASTX, Program.TBLASTX, Program.RPSTBLASTN})
_TRANSLATED_DB = frozenset({Program.TBLASTN, Program.TBLASTX})

_INTEGER = re.compile(r"\d{1,9}")
_LARGE_INTEGER = re.compile(r"\d{1,18}")
"""For BLAST+'s 64-bit options: the search space of core_nt has 14 digits."""
_RANGE = re.compile(r"[1-9]\d{0,8}-[1-9]\d{0,8}")
_SIGNED = re.compile(r"-?\d{1,9}")
_NUMBER = re.compile(r"\d{1,9}(\.\d{1,9})?([eE][+-]?\d{1,3})?")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,30}")
_SETTING = re.compile(r"[A-Za-z0-9]{1,10}")
_BOOLEAN = re.compile(r"true|false")
_YES_NO = re.compile(r"yes|no")
_STRAND = re.compile(r"both|plus|minus")
_TAXIDS = re.compile(r"\d{1,9}(,\d{1,9})*")
_NO_VALUE = None

FLAGS: dict[str, tuple[re.Pattern[str] | None, frozenset[Program]]] = {
    "-evalue": (_NUMBER, _ALL),
    "-max_target_seqs": (_INTEGER, _ALL),
    "-max_hsps": (_INTEGER, _ALL),
    "-num_descriptions": (_INTEGER, _ALL),
    "-num_alignments": (_INTEGER, _ALL),
    "-line_length": (_INTEGER, _ALL),
    "-qcov_hsp_perc": (_NUMBER, _ALL),
    "-dbsize": (_LARGE_INTEGER, _ALL),
    "-searchsp": (_LARGE_INTEGER, _ALL),
    "-query_loc": (_RANGE, _ALL),
    "-xdrop_ungap": (_NUMBER, _ALL),
    "-window_size": (_INTEGER, _ALL),
    "-soft_masking": (_BOOLEAN, _ALL),
    "-lcase_masking": (_NO_VALUE, _ALL),
    "-parse_deflines": (_NO_VALUE, _ALL),
    "-show_gis": (_NO_VALUE, _ALL),
    "-culling_limit": (_INTEGER, _ALL - {Program.RPSTBLASTN}),
    "-best_hit_overhang": (_NUMBER, _ALL - {Program.RPSTBLASTN}),
    "-best_hit_score_edge": (_NUMBER, _ALL - {Program.RPSTBLASTN}),
    "-subject_besthit": (_NO_VALUE, _ALL - {Program.RPSTBLASTN}),
    "-word_size": (_INTEGER, _ALL - _PSSM),
    "-taxids": (_TAXIDS, _ALL - _PSSM),
    "-negative_taxids": (_TAXIDS, _ALL - _PSSM),
    "-gapopen": (_INTEGER, _GAPPED),
    "-gapextend": (_INTEGER, _GAPPED),
    "-xdrop_gap": (_NUMBER, _ALL - _TBLASTX),
    "-xdrop_gap_final": (_NUMBER, _ALL - _TBLASTX),
    "-ungapped": (_NO_VALUE, _ALL - _TBLASTX - {Program.PSIBLAST, Program.RPSBLAST}),
    "-strand": (_STRAND, _N | _TRANSLATED_QUERY),
    "-task": (_WORD, frozenset({*_N, Program.BLASTP, Program.BLASTX, Program.TBLASTN})),
    "-perc_identity": (_NUMBER, _N),
    "-penalty": (_SIGNED, _N),
    "-reward": (_INTEGER, _N),
    "-dust": (_YES_NO, _N),
    "-window_masker_taxid": (_INTEGER, _N),
    "-no_greedy": (_NO_VALUE, _N),
    "-min_raw_gapped_score": (_INTEGER, _N),
    "-off_diagonal_range": (_INTEGER, _N),
    "-template_type": (_WORD, _N),
    "-template_length": (_INTEGER, _N),
    "-seg": (_YES_NO, _PROTEIN),
    "-matrix": (re.compile(r"[A-Z][A-Z0-9]{1,15}"), _MATRIX),
    "-threshold": (_NUMBER, _MATRIX),
    "-comp_based_stats": (_SETTING, _PROTEIN - _TBLASTX),
    "-use_sw_tback": (_NO_VALUE, _PROTEIN - _TBLASTX),
    "-query_gencode": (_INTEGER, _TRANSLATED_QUERY),
    "-db_gencode": (_INTEGER, _TRANSLATED_DB),
    "-max_intron_length": (_INTEGER, frozenset({Program.BLASTX, Program.TBLASTN, Program.TBLASTX})),
    "-sum_stats": (_BOOLEAN, _ALL - {Program.BLASTP}),
}
"""Each flag with the pattern of its value (None: no value) and the programs that accept it."""

EXCLUSIVE = (
    ("-taxids", "-negative_taxids"),
    ("-max_target_seqs", "-num_descriptions"),
    ("-max_target_seqs", "-num_alignments"),
    ("-culling_limit", "-best_hit_overhang"),
    ("-culling_limit", "-best_hit_score_edge"),
)
"""Pairs of flags that BLAST+ rejects together (source: "Incompatible with" in its `-help`)."""

OUTFMT = "-outfmt"
XML = "5"
NO_OUTFMT = "11"
"""The format that elastic-blast uses if the options have no `-outfmt`."""
MERGED_OUTFMT = XML
_MERGED = {"5", "6"}
"""The formats for which elastic-blast merges the results of shards."""
_FORMATS = {str(number) for number in range(19)}
_COLUMN_FORMATS = {"6", "7", "10", "17"}
"""The formats that accept a list of columns in BLAST+."""
_COLUMN = re.compile(r"[A-Za-z_]{1,20}")
_FORBIDDEN = re.compile(r"[^A-Za-z0-9 ._,=+-]")
LONGEST = 1500
"""Characters of all options: those from a request's fields, and 500 of its free text."""


def faults(program: Program, text: str) -> Iterator[str]:
    """Validates options for a program. Each fault completes a sentence about the field."""
    if len(text) > LONGEST:
        yield f"has {len(text)} characters; at most {LONGEST} are allowed"
    if forbidden := sorted(set(_FORBIDDEN.findall(text))):
        yield f"must not contain {' '.join(map(repr, forbidden))}"
        return
    seen: set[str] = set()
    for flag, values in _groups(text.split()):
        if flag in seen:
            yield f"{flag} is given twice"
        seen.add(flag)
        fault = _outfmt_fault(values) if flag == OUTFMT else _flag_fault(program, flag, values)
        if fault:
            yield fault
    for pair in EXCLUSIVE:
        if seen.issuperset(pair):
            yield f"{pair[0]} and {pair[1]} cannot be given together"


def value_of(text: str, flag: str) -> str | None:
    """The value of a flag in valid options; None if the flag is absent."""
    return next((" ".join(values) for name, values in _groups(text.split()) if name == flag), None)


def has_flag(text: str, flag: str) -> bool:
    """Whether valid options have a flag."""
    return value_of(text, flag) is not None


def with_outfmt(text: str, default: str, is_sharded: bool) -> str:
    """Add an output format whose hits can be read, unless the options have one.

    elastic-blast would add `-outfmt 11`, an archive that no reader supports. It merges the results
    of shards for formats 5 and 6 only.
    """
    if value_of(text, OUTFMT):
        return text
    chosen = MERGED_OUTFMT if is_sharded and default.split()[0] not in _MERGED else default
    return f"{OUTFMT} {chosen} {text}".strip()


def _groups(tokens: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Each flag with the tokens up to the next flag. A negative number is a value."""
    flag, values = "", list[str]()
    for token in tokens:
        if token.startswith("-") and not _SIGNED.fullmatch(token):
            if flag or values:
                yield flag, values
            flag, values = token, []
        else:
            values.append(token)
    if flag or values:
        yield flag, values


def _flag_fault(program: Program, flag: str, values: list[str]) -> str | None:
    if not flag:
        return f"{values[0]!r} is not preceded by a flag"
    if flag not in FLAGS:
        return f"{flag} is not an allowed option"
    pattern, programs = FLAGS[flag]
    if program not in programs:
        return f"{flag} is not an option of {program}"
    if pattern is None:
        return f"{flag} takes no value" if values else None
    if len(values) != 1 or not pattern.fullmatch(values[0]) or _is_reversed(pattern, values[0]):
        return f"{flag} cannot be {' '.join(values) or 'without a value'!r}"
    return None


def _is_reversed(pattern: re.Pattern[str], value: str) -> bool:
    """Whether it is a range that ends before it starts."""
    if pattern is not _RANGE:
        return False
    start, stop = value.split("-")
    return int(start) > int(stop)


def _outfmt_fault(values: list[str]) -> str | None:
    if not values or values[0] not in _FORMATS:
        return f"{OUTFMT} must be 0 to 18"
    number, columns = values[0], values[1:]
    if columns and number not in _COLUMN_FORMATS:
        return f"{OUTFMT} {number} takes no columns"
    if invalid := [column for column in columns if not _COLUMN.fullmatch(column)]:
        return f"{OUTFMT} has no column {invalid[0]!r}"
    return None
