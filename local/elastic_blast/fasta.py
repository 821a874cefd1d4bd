"""Splits FASTA text into batches of whole sequences. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass


class NotFasta(ValueError):
    """The text is not FASTA; the message gives the reason."""


@dataclass(frozen=True)
class QueryBatch:
    """Sequences as FASTA text, and their number of residues."""

    text: str
    residues: int


def records(text: str) -> Iterator[QueryBatch]:
    """Each sequence of `text` with its header. Raises NotFasta for residues before a header."""
    head, *rest = ("\n" + text.replace("\r\n", "\n").strip()).split("\n>")
    if head.strip():
        raise NotFasta("the query does not begin with a '>' line")
    for record in rest:
        lines = record.split("\n")
        residues = sum(len(line.strip()) for line in lines[1:])
        yield QueryBatch(f">{record.rstrip()}\n", residues)


def split(text: str, batch_len: int) -> list[QueryBatch]:
    """Batches of whole sequences, in order, of at most `batch_len` residues each.

    A longer sequence is a batch of its own. Raises NotFasta if there is no sequence.
    """
    batches: list[list[QueryBatch]] = []
    size = 0
    for record in records(text):
        if not batches or size + record.residues > batch_len:
            batches.append([])
            size = 0
        batches[-1].append(record)
        size += record.residues
    if not batches:
        raise NotFasta("the query has no sequence")
    return [QueryBatch("".join(r.text for r in b), sum(r.residues for r in b)) for b in batches]
