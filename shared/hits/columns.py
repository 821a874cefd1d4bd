"""BLAST+'s columns: their names, their kinds, and those that a file has."""

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import chain, count

STANDARD = (
    *("qseqid", "sseqid", "pident", "length", "mismatch", "gapopen"),
    *("qstart", "qend", "sstart", "send", "evalue", "bitscore"),
)
"""The columns that every hit has in responses, as far as its file has them."""

SEQUENCES = ("qseq", "sseq", "midline")
"""The columns with aligned letters, which take most of the room."""

INTERNAL = frozenset(
    (
        *("segment", "row", "file_row_number", "file", "query", "pair", "coverage"),
        *("number", "hits", "best_evalue", "best_bitscore", "_q", "_s"),
    )
)
"""The columns that the index has beside BLAST's."""

_STD = ("qaccver", "saccver", *STANDARD[2:])
"""The columns of `std`, which is also the default."""
_COMMENTS = {
    "qseqid": "query id",
    "qgi": "query gi",
    "qacc": "query acc.",
    "qaccver": "query acc.ver",
    "qlen": "query length",
    "sseqid": "subject id",
    "sallseqid": "subject ids",
    "sgi": "subject gi",
    "sallgi": "subject gis",
    "sacc": "subject acc.",
    "saccver": "subject acc.ver",
    "sallacc": "subject accs.",
    "slen": "subject length",
    "qstart": "q. start",
    "qend": "q. end",
    "sstart": "s. start",
    "send": "s. end",
    "qseq": "query seq",
    "sseq": "subject seq",
    "evalue": "evalue",
    "bitscore": "bit score",
    "score": "score",
    "length": "alignment length",
    "pident": "% identity",
    "nident": "identical",
    "mismatch": "mismatches",
    "positive": "positives",
    "gapopen": "gap opens",
    "gaps": "gaps",
    "ppos": "% positives",
    "frames": "query/sbjct frames",
    "qframe": "query frame",
    "sframe": "sbjct frame",
    "btop": "BTOP",
    "staxid": "subject tax id",
    "ssciname": "subject sci name",
    "scomname": "subject com names",
    "sblastname": "subject blast name",
    "sskingdom": "subject super kingdom",
    "staxids": "subject tax ids",
    "sscinames": "subject sci names",
    "scomnames": "subject com names",
    "sblastnames": "subject blast names",
    "sskingdoms": "subject super kingdoms",
    "stitle": "subject title",
    "salltitles": "subject titles",
    "sstrand": "subject strand",
    "qcovs": "% query coverage per subject",
    "qcovhsp": "% query coverage per hsp",
    "qcovus": "% query coverage per uniq subject",
}
"""The columns, and their names in the comments of outfmt 7."""

_IDS = {
    "qseqid": ("qseqid", "qaccver", "qacc"),
    "sseqid": ("sseqid", "saccver", "sacc", "sallseqid", "sallacc"),
}
"""The columns that can serve as query or subject id, preferred first."""

_INTEGERS = frozenset(
    (
        *("qlen", "slen", "qstart", "qend", "sstart", "send", "score", "length", "nident"),
        *("mismatch", "positive", "gapopen", "gaps", "qframe", "sframe"),
        *("staxid", "qcovs", "qcovhsp", "qcovus"),
    )
)
_NUMBERS = frozenset(("pident", "ppos", "evalue", "bitscore"))


class Kind(StrEnum):
    """The kind of a column's values."""

    TEXT = "VARCHAR"
    INTEGER = "INTEGER"
    NUMBER = "DOUBLE"


def kind_of(column: str) -> Kind:
    """The kind of a BLAST+ column; text for one that is not known."""
    if column in _INTEGERS:
        return Kind.INTEGER
    return Kind.NUMBER if column in _NUMBERS else Kind.TEXT


def columns_from_options(requested: Sequence[str]) -> tuple[str, ...]:
    """The columns of `-outfmt "6 ..."`. Like BLAST+, ignores unknown and repeated ones."""
    expanded = [name for word in requested for name in (_STD if word == "std" else (word,))]
    return tuple(dict.fromkeys(name for name in expanded if name in _COMMENTS)) or _STD


def columns_from_comment(fields: str, requested: Sequence[str]) -> tuple[str, ...]:
    """The columns of a `# Fields:` comment of outfmt 7.

    Two columns can have one name in comments; `requested` says which one it is. A name that is not
    known becomes a column of that name, with a number if there is one already.
    """
    comments = fields.split(", ")
    expected = columns_from_options(requested)
    if [_COMMENTS[name] for name in expected] == comments:
        return expected
    by_comment = {comment: name for name, comment in reversed(_COMMENTS.items())}
    columns: list[str] = []
    for each in comments:
        columns.append(_unused(by_comment.get(each, _identifier(each)), columns))
    return tuple(columns)


def stored_names(columns: Iterable[str]) -> tuple[str, ...]:
    """The names under which columns are stored: the preferred ids are `qseqid` and `sseqid`."""
    names = tuple(columns)
    renamed = {
        next((name for name in candidates if name in names), ""): stored
        for stored, candidates in _IDS.items()
    }
    return tuple(renamed.get(name, name) for name in names)


def _unused(column: str, used: Sequence[str]) -> str:
    """The column, or the first of `column_2`, `column_3` … that is neither used nor INTERNAL."""
    numbered = (f"{column}_{number}" for number in count(2))
    return next(
        each for each in chain([column], numbered) if each not in used and each not in INTERNAL
    )


def _identifier(comment: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", comment.lower()).strip("_") or "unnamed"
