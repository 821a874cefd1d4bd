"""Joins the reports of several result files, as BLAST+ wrote them: one XML document, one text."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from shared.hits.convert import Chunks
from shared.hits.errors import Unreadable, damaged
from shared.hits.gzip import decompress
from shared.hits.text import to_utf8, with_unix_line_ends

LONGEST_LINE, LONGEST_FOOT = 16 * 1024**2, 1024
_STATISTICS = b"\nMatrix: "
"""How the last lines of a text report begin, for each program."""
_FIRST, _LAST, _END = b"<Iteration>", b"</BlastOutput_iterations>", b"</BlastOutput>"
_NUMBER = re.compile(rb"<Iteration_iter-num>(\d+)</Iteration_iter-num>")
_MADE_UP_ID = re.compile(rb"(<Iteration_query-ID>)Query_(\d+)(</)")


@dataclass(frozen=True)
class Report:
    """The kind of report of an output format of BLAST+."""

    outfmt: str
    suffix: str
    mimetype: str
    name: str


REPORTS = {
    "xml": Report("5", "xml", "application/xml", "BLAST XML"),
    "text": Report("0", "txt", "text/plain", "the pairwise text"),
}
"""By the value of the query parameter `format`."""


def refuse_other_outfmt(form: str, outfmt: str) -> None:
    """Raises Unreadable if BLAST+ did not write this report for the search."""
    report, number = REPORTS[form], (outfmt.split() or [""])[0]
    if number != report.outfmt:
        raise Unreadable(
            "format_not_written",
            f"{report.name} is written by BLAST with outfmt {report.outfmt}, and this search was"
            f" run with outfmt {number}: run it again with outfmt {report.outfmt}",
        )


def join_reports(form: str, files: Sequence[Chunks]) -> Iterator[bytes]:
    """The reports of all files as one, in valid UTF-8. Raises Unreadable for a damaged file."""
    return join_xml(files) if form == "xml" else join_text(files)


def join_text(files: Sequence[Chunks]) -> Iterator[bytes]:
    """The text reports one after another, each with its head and its statistics."""
    for chunks in files:
        foot = b""
        for piece in to_utf8(decompress(chunks())):
            foot = (foot + piece)[-LONGEST_FOOT:]
            yield piece
        if _STATISTICS not in foot:
            raise damaged("the text breaks off before the statistics at its end")


def join_xml(files: Sequence[Chunks]) -> Iterator[bytes]:
    """One document, as one run of BLAST+ writes it for all queries: the head of the first file, and
    the queries of all, numbered over the whole search."""
    earlier, foot = 0, b""
    for place, chunks in enumerate(files):
        is_head, queries, foot = True, 0, b""
        for block in _lines(chunks()):
            body, end, rest = (b"", b"", block) if foot else block.partition(_LAST)
            foot += end + rest
            if len(foot) > LONGEST_FOOT:
                raise damaged("the XML goes on after the end of its report")
            if is_head:
                head, start, queries_text = body.partition(_FIRST)
                is_head, body = not start, start + queries_text
                if place == 0:
                    yield head
            if numbers := _NUMBER.findall(body):
                queries = int(numbers[-1])
            yield _renumbered(body, earlier) if earlier else body
        if foot.split() != [_LAST, _END]:
            raise damaged("the XML breaks off before its end, or goes on after it")
        earlier += queries
    yield foot


def _renumbered(text: bytes, earlier: int) -> bytes:
    number = rb"<Iteration_iter-num>%d</Iteration_iter-num>"
    text = _NUMBER.sub(lambda found: number % (int(found[1]) + earlier), text)
    return _MADE_UP_ID.sub(
        lambda found: b"%bQuery_%d%b" % (found[1], int(found[2]) + earlier, found[3]), text
    )


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines, as many at a time as a chunk has."""
    rest = b""
    for chunk in with_unix_line_ends(to_utf8(decompress(chunks))):
        lines, end, last = chunk.rpartition(b"\n")
        if end:
            yield rest + lines + end
            rest = last
        else:
            rest += last
        if len(rest) > LONGEST_LINE:
            raise damaged(f"a line has more than {LONGEST_LINE:,} bytes")
    yield rest
