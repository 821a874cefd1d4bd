"""Joins the XML (outfmt 5) of a search's batches into one document, in constant memory.

What BLAST+ writes is kept byte by byte, but for the numbers of the queries. Its lines are its own
fixed form (BLAST+ 2.12): a title never has a line end.
"""

import re
from collections.abc import Iterable, Iterator

from shared.hits.errors import damaged
from shared.hits.gzip import decompress
from shared.hits.lines import blocks

_ITERATIONS, _ITERATIONS_END = b"<BlastOutput_iterations>\n", b"</BlastOutput_iterations>\n"
_END = b"</BlastOutput>\n"
_NUMBER = re.compile(rb"  <Iteration_iter-num>(\d{1,18})</Iteration_iter-num>\n")
_QUERY_ID = b"  <Iteration_query-ID>Query_%d</Iteration_query-ID>\n"
_HIT, _HITS_END = b"<Hit>\n", b"</Iteration_hits>\n"
LONGEST_HEADER = 1024**2
"""Bytes before the first query."""


def join_xml(files: Iterable[Iterable[bytes]], most_subjects: int | None = None) -> Iterator[bytes]:
    """The document of all files, in blocks of whole lines; each file comes in chunks.

    `most_subjects` cuts the subjects of each query. Raises Unreadable for a file that is not such
    a document, or is cut off.
    """
    joiner = _Joiner(most_subjects)
    for file in files:
        for block in blocks(decompress(file)):
            if text := b"".join(joiner.lines(block.splitlines(keepends=True))):
                yield text
        joiner.end_file()
    if not joiner.has_files:
        raise damaged("the search has no result file")
    yield _ITERATIONS_END + _END + b"\n"


class _Joiner:
    """Where the joined document is."""

    def __init__(self, most_subjects: int | None) -> None:
        self._most = most_subjects
        self.has_files = False
        self._place = "header"
        self._header_size = 0
        self._queries_before = self._queries = 0
        """Of the earlier files, and of all so far."""
        self._subjects = 0
        self._is_cut = False
        self._line_ids = b""

    def lines(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """The lines of the joined document that follow from these of a file."""
        for line in lines:
            if self._place == "body":
                yield from self._body(line)
            elif self._place == "header":
                yield from self._header(line)
            elif line.strip() and (self._place != "end" or line != _END):
                raise damaged("the file goes on behind the end of its document")
            elif line == _END:
                self._place = "after"

    def end_file(self) -> None:
        """Check that the file was whole, and begin the next one."""
        if self._place != "after":
            raise damaged("the file ends before its document does")
        self.has_files = True
        self._place, self._header_size = "header", 0
        self._queries_before = self._queries

    def _header(self, line: bytes) -> Iterator[bytes]:
        if not self._header_size and not line.startswith(b"<?xml "):
            raise damaged("the file is not an XML document")
        self._header_size += len(line)
        if self._header_size > LONGEST_HEADER:
            raise damaged("the document has no queries")
        if line == _ITERATIONS:
            self._place = "body"
        if not self.has_files:
            yield _harmless(line)

    def _body(self, line: bytes) -> Iterator[bytes]:
        if line == _ITERATIONS_END:
            self._place = "end"
            return
        if line.startswith(b"  <Iteration_iter-num>"):
            yield self._renumbered(line)
            return
        if line == self._line_ids:
            line = _QUERY_ID % self._queries
        if self._most is not None:
            if line == _HIT:
                self._subjects += 1
                self._is_cut = self._subjects > self._most
            elif line == _HITS_END:
                self._is_cut = False
        if not self._is_cut:
            yield _harmless(line)

    def _renumbered(self, line: bytes) -> bytes:
        match = _NUMBER.fullmatch(line)
        if match is None:
            raise damaged("the number of a query is not a number")
        in_file = int(match[1])
        self._queries, self._subjects, self._is_cut = self._queries_before + in_file, 0, False
        self._line_ids = _QUERY_ID % in_file
        return b"  <Iteration_iter-num>%d</Iteration_iter-num>\n" % self._queries


def _harmless(line: bytes) -> bytes:
    """The line without `Status=`: Biopython takes a document with it for a waiting page."""
    return line.replace(b"Status=", b"Status&#61;") if b"Status=" in line else line
