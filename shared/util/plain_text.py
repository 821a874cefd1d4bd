"""Text of other programs as plain text: decoded, without escape sequences and control characters.

What is left can be stored (Azure Tables and XML refuse NUL and lone surrogates), sent as JSON, and
printed on a terminal or in a log without effects.
"""

import codecs
import re

ESCAPE_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]?"  # colours and cursor movements, perhaps cut off
    r"|\x9b[0-?]*[ -/]*[@-~]?"  # the same, introduced by one character
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # window titles and links
    r"|\x1b[ -/]*[0-Z\\^-~]"  # character sets and others
)
"""Terminal escape sequences (source: ECMA-48)."""

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Control characters but tab and line ends, lone surrogates, and what is no character."""
_BYTE_ORDER_MARK = "\ufeff"
_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def plain_text(text: str) -> str:
    """The text without escape sequences and byte order marks; control characters are blanks."""
    text = ESCAPE_SEQUENCE.sub("", text).replace(_BYTE_ORDER_MARK, "")
    return _CONTROL.sub(" ", text)


def first_unprintable(text: str) -> str | None:
    """The first character of a text that plain text does not have, or None."""
    found = _CONTROL.search(text)
    return found and found[0]


def decode_plain(data: bytes) -> str:
    """The plain text in bytes of an unknown encoding, which can be the end of a file.

    UTF-16 is known by its mark, or by zeros in more than half of its characters; all else is UTF-8.
    """
    return plain_text(data.decode(_encoding(data), errors="replace"))


def _encoding(data: bytes) -> str:
    for mark, encoding in _ENCODINGS:
        if data.startswith(mark):
            return encoding
    even, odd = data[::2].count(0), data[1::2].count(0)
    if max(even, odd) * 4 <= len(data):
        return "utf-8"
    return "utf-16-le" if odd > even else "utf-16-be"
