"""Reads BLAST+ tables: outfmt 6, and outfmt 7 with comments."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import call, itemgetter
from typing import Any

from shared.hits.columns import STANDARD, columns_from_comment, columns_from_options
from shared.hits.errors import Unreadable
from shared.hits.hit import Hit, parse_finite

LONGEST_LINE = 32 * 1024**2
"""Bytes. A line can hold both aligned sequences."""
_FIELDS, _COMMENT = "# Fields: ", "# "
_CONVERGED = "Search has CONVERGED!"
"""psiblast writes this line between tables, also in outfmt 6."""

LineParser = Callable[[str], Hit]


def read_outfmt6(text: Iterable[bytes], columns: Sequence[str]) -> Iterator[Hit]:
    """Outfmt 6. `columns` are those of the `-outfmt` option."""
    parse = _line_parser(columns_from_options(columns))
    for number, line in enumerate(_lines(text), 1):
        if line and line != _CONVERGED:
            yield _hit(parse, line, number)


def read_outfmt7(text: Iterable[bytes], columns: Sequence[str]) -> Iterator[Hit]:
    """Outfmt 7. The `# Fields:` comment above each table overrides `columns`."""
    parse = _line_parser(columns_from_options(columns))
    fields_line = ""
    for number, line in enumerate(_lines(text), 1):
        if line.startswith(_COMMENT):
            if line.startswith(_FIELDS) and line != fields_line:
                fields_line = line
                parse = _line_parser(columns_from_comment(line.removeprefix(_FIELDS)))
        elif line and line != _CONVERGED:
            yield _hit(parse, line, number)


def _hit(parse: LineParser, line: str, number: int) -> Hit:
    try:
        return parse(line)
    except (ValueError, IndexError) as error:
        text = f"line {number} of the file is not a hit: {error}"
        raise Unreadable("file_damaged", text) from error


def _lines(text: Iterable[bytes]) -> Iterator[str]:
    """The lines without line ends, including a last line that has none."""
    rest = b""
    for chunk in text:
        whole, newline, tail = chunk.rpartition(b"\n")
        if newline:
            yield from (rest + whole).decode(errors="replace").split("\n")
            rest = tail
        else:
            rest += tail
            _check_line_length(rest)
    if rest:
        yield rest.decode(errors="replace")


def _check_line_length(line: bytes) -> None:
    if len(line) > LONGEST_LINE:
        text = f"a line of the file has more than {LONGEST_LINE:,} bytes"
        raise Unreadable("file_damaged", text)


def _line_parser(columns: Sequence[str | None]) -> LineParser:
    """A parser for lines with these columns. Columns that are None are skipped."""
    width = len(columns)
    if tuple(columns) == STANDARD:
        return _parse_standard_line
    fields = [name for name in Hit._fields if name in columns]
    converters = [_CONVERTERS[name] for name in fields]
    # The extra 0 makes itemgetter return a tuple also for a single field.
    select = itemgetter(*(columns.index(name) for name in fields), 0)

    def parse(line: str) -> Hit:
        values = line.split("\t")
        _check_width(values, width)
        return Hit(**dict(zip(fields, map(call, converters, select(values)), strict=False)))

    return parse


def _parse_standard_line(line: str) -> Hit:
    values = line.split("\t")
    _check_width(values, len(STANDARD))
    return Hit(*map(call, _STANDARD_CONVERTERS, values))


def _check_width(values: Sequence[str], width: int) -> None:
    if len(values) != width:
        raise ValueError(f"it has {len(values)} columns, not {width}")


_CONVERTERS: dict[str, Callable[[str], Any]] = {
    name: str if name in ("qseqid", "sseqid", "qseq", "sseq") else int for name in Hit._fields
} | dict.fromkeys(("pident", "ppos", "evalue", "bitscore"), parse_finite)
_STANDARD_CONVERTERS = tuple(_CONVERTERS[name] for name in STANDARD)
