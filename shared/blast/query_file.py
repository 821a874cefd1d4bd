"""Turns the bytes of a query file into text. Pure."""

import re
import zlib

MEMBERS = 10_000
"""Most members of one gzip file; bgzip makes one per 64 KB of text."""
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP = 16 + zlib.MAX_WBITS
_TAR_MAGIC = slice(257, 262)
_SAVE_AS_TEXT = "send plain text in UTF-8, or gzip of it"
_FORMATS = (
    (_GZIP_MAGIC, "gzip within gzip"),
    (b"BZh", "a bzip2 file"),
    (b"PK\x03\x04", "a zip file, such as a document of Word or Excel"),
    (b"\xfd7zXZ\x00", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"7z\xbc\xaf", "a 7z file"),
    (b"%PDF", "a PDF file"),
    (b"{\\rtf", "an RTF file"),
    (b"\xd0\xcf\x11\xe0", "a document of Office"),
    (b"\xff\xfe\x00\x00", "text in UTF-32"),
    (b"\x00\x00\xfe\xff", "text in UTF-32"),
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
)
"""By their first bytes."""
_LINE_END = re.compile(rb"\r\n|\r|\n")


class NotText(ValueError):
    """The file cannot be read as text. The message completes a sentence about it."""


class TooLong(ValueError):
    """The text has more bytes than allowed."""


def query_text(data: bytes, max_bytes: int) -> str:
    """The text of a file in UTF-8, which can be compressed by gzip.

    A byte-order mark stays. Raises NotText, and TooLong for more than `max_bytes` of text.
    """
    if data.startswith(_GZIP_MAGIC):
        data = _gunzip(data, max_bytes)
    if len(data) > max_bytes:
        raise TooLong
    if name := _other_format(data):
        raise NotText(f"is {name}: {_SAVE_AS_TEXT}")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = len(_LINE_END.findall(data, 0, error.start)) + 1
        raise NotText(
            f"has the byte 0x{data[error.start]:02X} in line {line}, which is not UTF-8 but perhaps"
            f" Latin-1 or Windows-1252: {_SAVE_AS_TEXT}"
        ) from error


def _other_format(data: bytes) -> str | None:
    """What the file is, if it is not text."""
    for magic, name in _FORMATS:
        if data.startswith(magic):
            return name
    if data[_TAR_MAGIC] == b"ustar":
        return "a tar file"
    even, odd = data[::2].count(0), data[1::2].count(0)
    return "text in UTF-16" if data and max(even, odd) * 4 > len(data) else None


def _gunzip(data: bytes, max_bytes: int) -> bytes:
    """The content of all members. Raises NotText, and TooLong after `max_bytes`."""
    text = bytearray()
    for _ in range(MEMBERS):
        member = zlib.decompressobj(_GZIP)
        try:
            text += member.decompress(data, max_bytes + 1 - len(text))
        except zlib.error as error:
            raise NotText("is a damaged gzip file") from error
        if len(text) > max_bytes:
            raise TooLong
        if not member.eof:
            raise NotText("is a gzip file whose end is missing")
        data = member.unused_data.lstrip(b"\0")  # padding between members is allowed
        if not data:
            return bytes(text)
    raise NotText(f"is a gzip file of more than {MEMBERS:,} members")
