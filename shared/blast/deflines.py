"""The header lines of FASTA, as BLAST+ reads them. Pure."""

import re

_SPACE = " \t\v\f"
_WORD_END = re.compile(f"[{_SPACE}]")
_CONTROL = re.compile(r"[\x00-\x1f]")
_PARSEABLE = re.compile(r"(lcl\|)?[A-Za-z0-9_][A-Za-z0-9_.-]{0,49}")
_LAST_OF_LATIN_1 = "\xff"


def title_of(header: str) -> str:
    """The title: from after the `>` to the first control character, without white space."""
    return _CONTROL.split(header[1:].lstrip(_SPACE), maxsplit=1)[0].rstrip(_SPACE)


def name_of(header: str) -> str:
    """The name: the first word of the title; empty if there is none."""
    return _WORD_END.split(header[1:].strip(_SPACE), maxsplit=1)[0]


def is_xml_title(header: str) -> bool:
    """Whether BLAST+ can write the title as XML: it exits with 255 for some titles (by trial).

    It writes Latin-1, so that it fails with any other letter, and with one beyond ASCII at the end.
    """
    title = title_of(header)
    return title.isascii() or (max(title) <= _LAST_OF_LATIN_1 and title[-1].isascii())


def is_parseable(name: str) -> bool:
    """Whether BLAST+ accepts the name with `-parse_deflines`, which reads it as an identifier."""
    return _PARSEABLE.fullmatch(name) is not None
