"""Reads BLAST+ tables: outfmt 6, and outfmt 7 with comments."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from shared.hits.columns import columns_from_comment, columns_from_options
from shared.hits.errors import damaged
from shared.hits.lines import LineReader, blocks
from shared.hits.queries import Query

_COMMENT, _FIELDS, _QUERY, _ITERATION = b"# ", b"# Fields: ", b"# Query:", b"# Iteration: "
_HITS_FOUND = re.compile(rb"# (\d+) hits found")
_END = re.compile(rb"# BLAST processed (\d+) queries")
"""The last line of a run of BLAST+."""
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
        self,
        text: Iterable[bytes],
        requested: Sequence[str],
        add_query: Callable[[Query], None],
        is_merged: bool = False,
    ) -> None:
        """`add_query` is called for each query, with or without hits, in the file's order.

        A file that ElasticBLAST has merged has only the queries with hits, and no last line.
        """
        self._requested = requested
        self._lines = LineReader(text)
        self._add_query = add_query
        self._fields: bytes | None = None
        self._queries = self._tables = self.row_count = 0
        self._is_iterated = self._is_repeated = self._has_count = False
        self._is_whole = is_merged
        self._is_merged = is_merged
        self.columns = columns_from_options(requested)
        """Those of the comments, once `rows` has given a block."""

    @property
    def line(self) -> int:
        """The number of the last line that was read."""
        return self._lines.number

    def rows(self) -> Iterator[bytes]:
        """Blocks of whole rows. Raises Unreadable, also where a table has not as many rows, or the
        file not as many tables, as its comments say."""
        while (line := self._lines.take()) is not None:
            self._is_whole = self._is_merged or (self._is_whole and not line)
            if found := _END.fullmatch(line):
                self._end(int(found[1]))
            elif found := _HITS_FOUND.fullmatch(line):
                yield from self._table(int(found[1]))
            elif line.startswith(_COMMENT) or line == _QUERY:
                self._read_comment(line)
            elif line and line != _CONVERGED:
                yield self._row_without_count(line)
        if not self._is_whole:
            text = (
                f"the file breaks off after line {self.line}" if self.line else "the file is empty"
            )
            raise damaged(f"{text}: BLAST ends outfmt 7 with `# BLAST processed N queries`")

    def _read_comment(self, line: bytes) -> None:
        if line.startswith(_QUERY):
            self._tables, self._has_count = self._tables + 1, False
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

    def _end(self, count: int) -> None:
        """The end of a run. A file of several runs has several; psiblast counts each iteration."""
        if count != self._tables:
            text = (
                f"line {self.line} of the file says {count} queries, and {self._tables} are there"
            )
            raise damaged(text)
        self._is_whole, self._tables = True, 0

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
