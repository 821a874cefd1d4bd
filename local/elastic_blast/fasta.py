"""Splits a query into batches as elastic-blast does, with no other look at it. Pure."""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

SPLIT_ON_CLUSTER, SPLIT_ON_CLUSTER_COMPRESSED = 20_000_000, 5_000_000
"""Bytes of a query from which on elastic-blast splits it on the cluster, in two stages."""


class EmptyQuery(ValueError):
    """The query has no line."""


class UnreadableQuery(ValueError):
    """The query's name or size makes elastic-blast read it in a way that cannot work."""


@dataclass(frozen=True)
class QueryBatch:
    """Lines of a query, and what elastic-blast counts as its residues."""

    text: str
    residues: int


def query_text(url: str, data: bytes) -> bytes:
    """The text of a query blob, which elastic-blast reads by its name. Raises UnreadableQuery."""
    if url.endswith(".query-list"):
        raise UnreadableQuery(f"{url} is read as a list of paths")
    if url.endswith((".tar", ".tar.gz", ".tgz", ".tar.bz2")):
        raise UnreadableQuery(f"{url} is read as an archive")
    is_compressed = url.endswith(".gz")
    if len(data) >= (SPLIT_ON_CLUSTER_COMPRESSED if is_compressed else SPLIT_ON_CLUSTER):
        raise UnreadableQuery(f"{len(data)} bytes of a query are split in the cloud, which hangs")
    if not is_compressed:
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableQuery(f"{url} is no gzip file") from error


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
