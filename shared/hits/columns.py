"""Which columns a table of BLAST+ has, as Hit names them."""

from collections.abc import Sequence

from shared.hits.hit import COLUMNS

STANDARD = COLUMNS
"""What `std`, or nothing, stands for; there the ids are accessions with their version."""

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
"""The columns that BLAST+ knows, and how the comments of outfmt 7 name them."""
_BY_COMMENT = {said: name for name, said in reversed(_COMMENTS.items())}
_IDS = {
    "qseqid": ("qseqid", "qaccver", "qacc"),
    "sseqid": ("sseqid", "saccver", "sacc", "sallseqid", "sallacc"),
}
"""The columns that can name a query or subject, the best first."""


def by_options(asked: Sequence[str]) -> list[str | None]:
    """The columns of `-outfmt "6 ..."`: BLAST+ leaves out what it does not know or has already."""
    spread = [text for word in asked for text in (_STD if word == "std" else (word,))]
    known = dict.fromkeys(text for text in spread if text in _COMMENTS)
    return _as_hit(list(known or _STD))


def by_comment(fields: str) -> list[str | None]:
    """The columns that a `# Fields:` comment names."""
    return _as_hit([_BY_COMMENT.get(field) for field in fields.split(", ")])


def _as_hit(columns: Sequence[str | None]) -> list[str | None]:
    """The same with ids under the names that Hit has, and None for what it does not show."""
    ids = {
        best: name
        for name, others in _IDS.items()
        if (best := next((text for text in others if text in columns), None))
    }
    others = {name for name in columns if name and name not in ids}
    return [
        ids.get(text or "", text if text in others and text in _SHOWN else None) for text in columns
    ]


_SHOWN = frozenset((*COLUMNS[2:], "qseq", "sseq", "qlen", "slen", "ppos"))
