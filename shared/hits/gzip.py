"""The text of a result file, piece by piece, whether it is gzipped or not."""

import zlib
from collections.abc import Iterable, Iterator

from shared.hits.errors import ReadLimitReached, Unreadable

PIECE = 256 * 1024
"""The most bytes of text that are unpacked at once."""
MOST_TEXT = 1024**3
"""The most bytes of text that are read of one file, unless the reader wants less."""
MAX_EXPANSION, EXPANSION_CHECK_AFTER = 500, 16 * 1024**2
"""Text may be so many times as long as what it was packed in, once there is more than this of it.

Deflate can reach 1030. Hits of many sequences that are all alike were measured to reach 160.
"""

_MAGIC = b"\x1f\x8b"
_GZIP = 16 + zlib.MAX_WBITS


def decompressed(pieces: Iterable[bytes], most: int = MOST_TEXT) -> Iterator[bytes]:
    """The text in pieces of at most PIECE bytes.

    Raises Unreadable, and CutShort where there is more than `most`.
    """
    given = iter(pieces)
    head = b""
    while len(head) < len(_MAGIC) and (piece := next(given, None)) is not None:
        head += piece
    whole = _chained(head, given)
    left = most
    for text in _gunzipped(whole) if head.startswith(_MAGIC) else _sliced(whole):
        if len(text) > left:
            yield text[:left]
            raise ReadLimitReached
        left -= len(text)
        yield text


def _chained(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from rest


def _sliced(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield from (piece[at : at + PIECE] for at in range(0, len(piece), PIECE))


def _gunzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """All members of a gzip, one after the other."""
    member = zlib.decompressobj(_GZIP)
    taken = given = 0
    for piece in pieces:
        taken += len(piece)
        while piece:
            if member.eof:
                piece = piece.lstrip(b"\0")  # padding between members is allowed
                member = zlib.decompressobj(_GZIP) if piece else member
                continue
            text = _inflated(member, piece)
            given += len(text)
            _refuse_swelling(taken, given)
            if text:
                yield text
            piece = member.unconsumed_tail or member.unused_data
    while not member.eof:
        text = _inflated(member, b"")
        if not text:
            raise Unreadable("file_damaged", "the file ends in the middle of its gzip")
        yield text


def _inflated(member: "zlib._Decompress", piece: bytes) -> bytes:
    try:
        return member.decompress(piece, PIECE)
    except zlib.error as error:
        raise Unreadable("file_damaged", f"the file is no sound gzip: {error}") from error


def _refuse_swelling(taken: int, given: int) -> None:
    if given > EXPANSION_CHECK_AFTER and given > MAX_EXPANSION * taken:
        text = f"the file unpacks to more than {MAX_EXPANSION} times its size"
        raise Unreadable("decompression_limit", text)
