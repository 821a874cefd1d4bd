"""Turns the bytes of a result file into valid UTF-8 with Unix line ends, chunk by chunk."""

import codecs
from collections.abc import Iterable, Iterator

_FALLBACK = "blast-latin-1"


def _as_latin_1(error: UnicodeError) -> tuple[str, int]:
    """A byte that is not UTF-8 is the Latin-1 letter: BLAST+ copies titles byte by byte."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error(_FALLBACK, _as_latin_1)


def to_utf8(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same text; bytes that are not UTF-8 are taken for Latin-1. ASCII passes unchanged."""
    decoder = codecs.getincrementaldecoder("utf-8")(_FALLBACK)
    is_pending = False
    for chunk in chunks:
        if chunk.isascii() and not is_pending:
            yield chunk
            continue
        if text := decoder.decode(chunk):
            yield text.encode()
        is_pending = bool(decoder.getstate()[0])
    if text := decoder.decode(b"", True):
        yield text.encode()


def with_unix_line_ends(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same text, with LF where it had CRLF."""
    rest = b""
    for chunk in chunks:
        text = rest + chunk if rest else chunk
        rest = b"\r" if text.endswith(b"\r") else b""
        text = text[:-1] if rest else text
        yield text.replace(b"\r\n", b"\n") if b"\r" in text else text
    if rest:
        yield rest
