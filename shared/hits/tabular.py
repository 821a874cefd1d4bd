"""BLAST's tables: outfmt 6, and 7 with its comments."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import call, itemgetter
from typing import Any

from shared.hits.columns import STANDARD, by_comment, by_options
from shared.hits.errors import Unreadable
from shared.hits.hit import Hit, finite

LONGEST_LINE = 32 * 1024**2
"""Characters; a line can hold both aligned sequences."""
_FIELDS, _COMMENT = "# Fields: ", "# "
_CONVERGED = "Search has CONVERGED!"
"""psiblast writes this line between its tables, even in outfmt 6."""

Reader = Callable[[str], Hit]


def without_comments(text: Iterable[bytes], columns: Sequence[str]) -> Iterator[Hit]:
    """Outfmt 6, with the columns that BLAST+ was asked for."""
    read = _reader(by_options(columns))
    for number, line in enumerate(_lines(text), 1):
        if line and line != _CONVERGED:
            yield _hit(read, line, number)


def with_comments(text: Iterable[bytes], columns: Sequence[str]) -> Iterator[Hit]:
    """Outfmt 7: the comment above each table says which columns it has."""
    read = _reader(by_options(columns))
    said = ""
    for number, line in enumerate(_lines(text), 1):
        if line.startswith(_COMMENT):
            if line.startswith(_FIELDS) and line != said:
                said, read = line, _reader(by_comment(line.removeprefix(_FIELDS)))
        elif line and line != _CONVERGED:
            yield _hit(read, line, number)


def _hit(read: Reader, line: str, number: int) -> Hit:
    try:
        return read(line)
    except (ValueError, IndexError) as error:
        raise Unreadable("file_damaged", f"line {number} of the file is no hit: {error}") from error


def _lines(text: Iterable[bytes]) -> Iterator[str]:
    """Whole lines without their end; a last one needs none where the file was read to its end."""
    rest = b""
    for piece in text:
        whole, newline, tail = piece.rpartition(b"\n")
        if newline:
            yield from (rest + whole).decode(errors="replace").split("\n")
            rest = tail
        else:
            rest += tail
            _refuse_endless(rest)
    if rest:
        yield rest.decode(errors="replace")


def _refuse_endless(line: bytes) -> None:
    if len(line) > LONGEST_LINE:
        text = f"a line of the file has more than {LONGEST_LINE:,} bytes"
        raise Unreadable("file_damaged", text)


def _reader(columns: Sequence[str | None]) -> Reader:
    """A function from a line to its hit. Columns that no hit shows are None."""
    width = len(columns)
    if tuple(columns) == STANDARD:
        return _read_standard
    shown = [name for name in Hit._fields if name in columns]
    converters = [_CONVERTERS[name] for name in shown]
    pick = itemgetter(*(columns.index(name) for name in shown), 0)

    def read(line: str) -> Hit:
        values = line.split("\t")
        _refuse_width(values, width)
        return Hit(**dict(zip(shown, map(call, converters, pick(values)), strict=False)))

    return read


def _read_standard(line: str) -> Hit:
    values = line.split("\t")
    _refuse_width(values, len(STANDARD))
    return Hit(*map(call, _STANDARD_CONVERTERS, values))


def _refuse_width(values: Sequence[str], width: int) -> None:
    if len(values) != width:
        raise ValueError(f"it has {len(values)} columns, not {width}")


_CONVERTERS: dict[str, Callable[[str], Any]] = {
    name: str if name in ("qseqid", "sseqid", "qseq", "sseq") else int for name in Hit._fields
} | dict.fromkeys(("pident", "ppos", "evalue", "bitscore"), finite)
_STANDARD_CONVERTERS = tuple(_CONVERTERS[name] for name in STANDARD)
