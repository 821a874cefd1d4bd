"""Decompresses result files in chunks. Plain text passes through."""

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain

from shared.hits.errors import Unreadable

CHUNK_SIZE = 512 * 1024
"""Most bytes of text in one chunk."""
MAX_EXPANSION, EXPANSION_CHECK_AFTER = 500, 16 * 1024**2
"""Highest allowed compression ratio, checked once there are more bytes of text than the second.

Deflate can reach 1030. Measured for hits of many identical sequences: 160.
"""

_MAGIC = b"\x1f\x8b"
_GZIP = 16 + zlib.MAX_WBITS


def decompress(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The text in chunks of at most CHUNK_SIZE bytes. Raises Unreadable."""
    rest = iter(chunks)
    head = b""
    while len(head) < len(_MAGIC) and (chunk := next(rest, None)) is not None:
        head += chunk
    whole = chain([head], rest)
    yield from _gunzip(whole) if head.startswith(_MAGIC) else _split(whole)


def _split(chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        yield from (chunk[at : at + CHUNK_SIZE] for at in range(0, len(chunk), CHUNK_SIZE))


def _gunzip(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The text of all members of a gzip file."""
    member = zlib.decompressobj(_GZIP)
    bytes_in = bytes_out = 0
    for chunk in chunks:
        bytes_in += len(chunk)
        while chunk:
            if member.eof:
                chunk = chunk.lstrip(b"\0")  # zero padding between members is allowed
                member = zlib.decompressobj(_GZIP) if chunk else member
                continue
            text = _inflate(member, chunk)
            bytes_out += len(text)
            _check_expansion(bytes_in, bytes_out)
            if text:
                yield text
            chunk = member.unconsumed_tail or member.unused_data
    while not member.eof:
        text = _inflate(member, b"")
        if not text:
            raise Unreadable("file_damaged", "the file's gzip data is truncated")
        yield text


def _inflate(member: "zlib._Decompress", chunk: bytes) -> bytes:
    try:
        return member.decompress(chunk, CHUNK_SIZE)
    except zlib.error as error:
        raise Unreadable("file_damaged", f"the file is not valid gzip: {error}") from error


def _check_expansion(bytes_in: int, bytes_out: int) -> None:
    if bytes_out > EXPANSION_CHECK_AFTER and bytes_out > MAX_EXPANSION * bytes_in:
        text = f"the file decompresses to more than {MAX_EXPANSION} times its size"
        raise Unreadable("decompression_limit", text)
