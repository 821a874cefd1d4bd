"""Opens the reader of a format, and says what is wrong with a row."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from shared.hits.columns import Kind, kind_of
from shared.hits.errors import Unreadable, damaged
from shared.hits.formats import refuse_unreadable
from shared.hits.gzip import decompress
from shared.hits.queries import Query
from shared.hits.tabular import Outfmt6, Outfmt7
from shared.hits.text import to_utf8, with_unix_line_ends
from shared.hits.xml import Xml

NOT_AVAILABLE = "N/A"
"""What BLAST+ writes for a value that it does not have."""


class Rows(Protocol):
    """The rows of a result file, as text with tabs between values."""

    is_numbered: bool
    """Whether an own first column has the number of the query, from 1."""
    is_quoted: bool
    """Whether values with a tab, line end or quote are quoted as in CSV."""
    row_count: int
    """How many rows the blocks that `rows` has given have."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns as BLAST+ names them; final once `rows` has given a block."""

    @property
    def line(self) -> int:
        """The number of the last line of the block that `rows` has given."""

    def rows(self) -> Iterator[bytes]:
        """Blocks of whole rows in UTF-8. Raises Unreadable."""


def ignore(query: Query) -> None:
    """For readers whose queries are not needed."""


def open_rows(
    chunks: Iterable[bytes],
    outfmt: str,
    add_query: Callable[[Query], None] = ignore,
    is_checked: bool = False,
    is_merged: bool = False,
) -> Rows:
    """The reader of a result file, gzipped or not. Raises Unreadable for an unknown format.

    `outfmt` is the value of `-outfmt`. With `is_checked`, rows of XML are checked one by one, so
    that the error has the line in the document. `is_merged` is for a file that ElasticBLAST wrote
    from those of shards.
    """
    refuse_unreadable(outfmt)
    number, *requested = outfmt.split()
    text = decompress(chunks)
    if number == "5":
        return Xml(text, add_query, _check_xml if is_checked else None)
    text = with_unix_line_ends(to_utf8(text))
    if number == "6":
        return Outfmt6(text, requested)
    return Outfmt7(text, requested, add_query, is_merged)


def find_fault(chunks: Iterable[bytes], outfmt: str, is_merged: bool = False) -> Unreadable | None:
    """The first fault of a file, with its line; None if each row can be read. Slow and exact."""
    reader = open_rows(chunks, outfmt, is_checked=True, is_merged=is_merged)
    try:
        for block in reader.rows():
            if not reader.is_quoted:
                _check_block(reader, block)
    except Unreadable as error:
        return error
    return None


def _check_block(reader: Rows, block: bytes) -> None:
    lines = block.decode().split("\n")[:-1]
    first = reader.line - len(lines) + 1
    for number, line in enumerate(lines, first):
        values = line.split("\t")[1:] if reader.is_numbered else line.split("\t")
        try:
            if "\r" in line:
                raise ValueError("it has a carriage return in the middle")
            check_row(reader.columns, values)
        except ValueError as error:
            raise damaged(f"line {number} of the file is not a hit: {error}") from error


def check_row(columns: Sequence[str], values: Sequence[str]) -> None:
    """Raises ValueError if these are not the values of the columns."""
    if len(values) != len(columns):
        raise ValueError(f"it has {len(values)} columns, not {len(columns)}")
    for column, value in zip(columns, values, strict=True):
        _check_value(column, value)


def _check_value(column: str, value: str) -> None:
    kind = kind_of(column)
    if kind is Kind.TEXT or value == NOT_AVAILABLE:
        return
    try:
        is_valid = math.isfinite(float(value))
    except ValueError:
        is_valid = False
    if kind is Kind.INTEGER:
        is_valid = is_valid and float(value).is_integer() and abs(float(value)) < 2**31
    if not is_valid:
        raise ValueError(f"{value[:50]!r} is not a value of {column}")


def _check_xml(values: Sequence[str]) -> None:
    check_row(Xml.columns, values)
