"""Maps the columns of BLAST+ tables to the fields of Hit."""

from collections.abc import Sequence

from shared.hits.hit import COLUMNS

STANDARD = COLUMNS
"""The columns of `std`, which is also the default. Its ids are accessions with version."""

_STD = ("qaccver", "saccver", *COLUMNS[2:])
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
"""BLAST+'s columns, and their names in the comments of outfmt 7."""
_BY_COMMENT = {comment: name for name, comment in reversed(_COMMENTS.items())}
_IDS = {
    "qseqid": ("qseqid", "qaccver", "qacc"),
    "sseqid": ("sseqid", "saccver", "sacc", "sallseqid", "sallacc"),
}
"""The columns that can serve as query or subject id, preferred first."""


def columns_from_options(requested: Sequence[str]) -> list[str | None]:
    """Hit fields for the columns of `-outfmt "6 ..."`; None for a column without a field.

    Like BLAST+, ignores unknown and repeated columns.
    """
    expanded = [name for word in requested for name in (_STD if word == "std" else (word,))]
    known = dict.fromkeys(name for name in expanded if name in _COMMENTS)
    return _to_hit_fields(list(known or _STD))


def columns_from_comment(fields: str) -> list[str | None]:
    """Hit fields for a `# Fields:` comment of outfmt 7; None for a column without a field."""
    return _to_hit_fields([_BY_COMMENT.get(field) for field in fields.split(", ")])


def _to_hit_fields(columns: Sequence[str | None]) -> list[str | None]:
    """The preferred id columns become `qseqid` and `sseqid`; other ids become None."""
    ids = {
        preferred: field
        for field, candidates in _IDS.items()
        if (preferred := next((name for name in candidates if name in columns), None))
    }
    return [ids.get(name or "", name if name in _OTHER_FIELDS else None) for name in columns]


_OTHER_FIELDS = frozenset((*COLUMNS[2:], "qseq", "sseq", "qlen", "slen", "ppos"))
