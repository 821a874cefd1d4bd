"""Splits a query into batches as elastic-blast does, with no other look at it. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass


class EmptyQuery(ValueError):
    """The query has no line."""


@dataclass(frozen=True)
class QueryBatch:
    """Lines of a query, and what elastic-blast counts as its residues."""

    text: str
    residues: int


def records(text: str) -> Iterator[QueryBatch]:
    """Each part of `text` that begins with a `>`; what stands before the first is a part, too.

    Every character of a line that is no header counts as a residue, but its line end.
    """
    part, residues = list[str](), 0
    for line in _lines(text):
        if line.startswith(">") and part:
            yield QueryBatch("".join(part), residues)
            part, residues = [], 0
        part.append(line)
        residues += 0 if line.startswith(">") else len(line) - 1
    if part:
        yield QueryBatch("".join(part), residues)


def split(text: str, batch_len: int) -> list[QueryBatch]:
    """Batches of whole sequences, in order, of at most `batch_len` residues each.

    A longer sequence is a batch of its own. Raises EmptyQuery.
    """
    batches: list[QueryBatch] = []
    for record in records(text):
        if batches and batches[-1].residues + record.residues <= batch_len:
            last = batches.pop()
            record = QueryBatch(last.text + record.text, last.residues + record.residues)
        batches.append(record)
    if not batches:
        raise EmptyQuery("the query has no line")
    return batches


def _lines(text: str) -> list[str]:
    """The lines with their ends, which are CR, LF or CRLF; the last one gets an end."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    last = lines.pop()
    return [f"{line}\n" for line in [*lines, *([last] if last else [])]]
