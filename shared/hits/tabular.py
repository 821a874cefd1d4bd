"""Reads BLAST+ tables: outfmt 6, and outfmt 7 with comments."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from shared.hits.columns import columns_from_comment, columns_from_options
from shared.hits.errors import damaged
from shared.hits.lines import LineReader, blocks
from shared.hits.queries import Query

_COMMENT, _FIELDS, _QUERY, _ITERATION = b"# ", b"# Fields: ", b"# Query:", b"# Iteration: "
_HITS_FOUND = re.compile(rb"# (\d+) hits found")
_CONVERGED = b"Search has CONVERGED!"
"""psiblast writes this line between tables, also in outfmt 6."""


class Outfmt6:
    """Rows without comments. The first column of `rows` is the first of the file."""

    is_numbered = False
    is_quoted = False

    def __init__(self, text: Iterable[bytes], requested: Sequence[str]) -> None:
        self.columns = columns_from_options(requested)
        self.line = 0
        """The number of the last line of the block that `rows` has given."""
        self.row_count = 0
        self._text = text

    def rows(self) -> Iterator[bytes]:
        """Blocks of whole rows. Raises Unreadable."""
        for block in blocks(self._text):
            if _CONVERGED not in block and b"\n\n" not in block and not block.startswith(b"\n"):
                lines = block.count(b"\n")
                self.line, self.row_count = self.line + lines, self.row_count + lines
                yield block
                continue
            for line in block.splitlines(keepends=True):
                self.line += 1
                if line.strip(b"\n") not in (b"", _CONVERGED):
                    self.row_count += 1
                    yield line


class Outfmt7:
    """Tables with comments, one for each query. The first column of `rows` is the query's number,
    from 1."""

    is_numbered = True
    is_quoted = False

    def __init__(
        self, text: Iterable[bytes], requested: Sequence[str], add_query: Callable[[Query], None]
    ) -> None:
        """`add_query` is called for each query, with or without hits, in the file's order."""
        self._requested = requested
        self._lines = LineReader(text)
        self._add_query = add_query
        self._fields: bytes | None = None
        self._queries = self.row_count = 0
        self._is_iterated = self._is_repeated = self._has_count = False
        self.columns = columns_from_options(requested)
        """Those of the comments, once `rows` has given a block."""

    @property
    def line(self) -> int:
        """The number of the last line that was read."""
        return self._lines.number

    def rows(self) -> Iterator[bytes]:
        """Blocks of whole rows. Raises Unreadable, also where a table has not as many rows as its
        comment says."""
        while (line := self._lines.take()) is not None:
            if found := _HITS_FOUND.fullmatch(line):
                yield from self._table(int(found[1]))
            elif line.startswith(_COMMENT) or line == _QUERY:
                self._read_comment(line)
            elif line and line != _CONVERGED:
                yield self._row_without_count(line)
        if self.line == 0:
            raise damaged("the file is empty, and outfmt 7 has comments for each query")

    def _read_comment(self, line: bytes) -> None:
        if line.startswith(_QUERY):
            self._has_count = False
            self._start_query(line.removeprefix(_QUERY).strip().decode())
        elif line.startswith(_ITERATION):
            self._is_iterated, self._is_repeated = True, not line.endswith(b" 1")
        elif line.startswith(_FIELDS):
            self._read_fields(line)

    def _start_query(self, title: str) -> None:
        """Count a query; psiblast names it again in each iteration."""
        if not self._is_repeated:
            self._queries += 1
            self._add_query(Query(self._queries, title))
        self._is_repeated = False

    def _read_fields(self, line: bytes) -> None:
        if self._fields not in (None, line):
            raise damaged(f"line {self.line} of the file has other columns than the lines before")
        if self._fields is None:
            self._fields = line
            fields = line.removeprefix(_FIELDS).decode()
            self.columns = columns_from_comment(fields, self._requested)

    def _table(self, count: int) -> Iterator[bytes]:
        if self._is_iterated:
            return  # psiblast counts hits that it does not print
        self._has_count = True
        number = b"%d\t" % self._queries
        start = self.line
        for block in self._lines.take_rows(count, _COMMENT):
            self.row_count += block.count(b"\n")
            yield number + block[:-1].replace(b"\n", b"\n" + number) + b"\n"
        if (rows := self.line - start) < count:
            text = f"line {start} of the file says {count} hits found, and {rows} follow"
            raise damaged(text)

    def _row_without_count(self, line: bytes) -> bytes:
        """A row of a table whose comments do not say how many rows it has."""
        if self._has_count:
            raise damaged(f"line {self.line} of the file is beyond the hits that its table has")
        self.row_count += 1
        return b"%d\t%s\n" % (max(self._queries, 1), line)
