"""Merges the results of shards as ElasticBLAST's finalizer does. Pure.

Source: the behaviour of `merge-sharded-results.sh`, as the dashboard's build has it. What a merge
does to hits is on purpose that of the original: rows, not subjects, count towards
`-max_target_seqs`; queries differ by their id alone; ties keep the order of shards.
"""

import gzip
import json
import re
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

DEFAULT_MAX_TARGET_SEQS = 500
_STANDARD = (
    *("qseqid", "sseqid", "pident", "length", "mismatch", "gapopen"),
    *("qstart", "qend", "sstart", "send", "evalue", "bitscore"),
)
_STANDARD_FIELDS = (
    "query acc.ver, subject acc.ver, % identity, alignment length, mismatches, gap opens,"
    " q. start, q. end, s. start, s. end, evalue, bit score"
)
_FIELDS = "# Fields: "
_QUERY_IDS = {"qseqid", "qacc", "qaccver", "qgi"}


class MergeFailed(ValueError):
    """The results cannot be merged; the search fails."""


@dataclass(frozen=True)
class Merged:
    """The merged results, compressed, and the report about them."""

    results: bytes
    report: str


@dataclass(frozen=True)
class ShardedSearch:
    """What a merge has to know of its search."""

    program: str
    options: tuple[str, ...]
    """Arguments of the program."""
    shards: int

    @property
    def outfmt(self) -> str:
        return self._value("-outfmt") or "6"

    @property
    def max_target_seqs(self) -> int:
        return int(self._value("-max_target_seqs") or DEFAULT_MAX_TARGET_SEQS)

    def _value(self, flag: str) -> str:
        pairs = pairwise(self.options)
        return next((value for name, value in pairs if name == flag), "")


def merge(search: ShardedSearch, results: Sequence[bytes]) -> Merged:
    """Merge the compressed result files, in the order of shards and batches. Raises MergeFailed."""
    number = search.outfmt.split()[0]
    texts = [gzip.decompress(data) for data in results]
    if number == "5":
        return _merge_xml(search, texts)
    if number in ("6", "7"):
        return _merge_tables(search, texts)
    raise MergeFailed(f"Unsupported sharded merge outfmt: {number}")


def _merge_tables(search: ShardedSearch, texts: Iterable[bytes]) -> Merged:
    query, evalue, bitscore = _positions(search.outfmt)
    rows_by_query = defaultdict[str, list[tuple[float, float, int, str]]](list)
    skipped, total, fields = 0, 0, ""
    for line in (line for text in texts for line in _decoded(text).split("\n") if line):
        if line.startswith("#"):
            if not fields and line.startswith(_FIELDS):
                fields = line.removeprefix(_FIELDS)
            continue
        cells, total = line.split("\t"), total + 1
        try:
            rank = float(cells[evalue]), -float(cells[bitscore])
        except (ValueError, IndexError):
            skipped += 1
            continue
        rows_by_query["" if query is None else cells[query]].append((*rank, total, line))
    lines: list[str] = []
    kept = 0
    for name, rows in sorted(rows_by_query.items()):
        chosen = sorted(rows)[: search.max_target_seqs]
        kept += len(chosen)
        lines += (
            f"# {search.program.upper()}",
            f"# Query: {name}",
            f"# Database: merged from {search.shards} shards",
            f"{_FIELDS}{fields or _STANDARD_FIELDS}",
            f"# {len(chosen)} hits found",
            *(row[-1] for row in chosen),
        )
    counts = {"total_input_hits": total, "total_output_hits": kept, "unsupported_rows": skipped}
    text = "".join(f"{line}\n" for line in lines)
    return _merged(search, text.encode(), len(rows_by_query), counts)


def _positions(outfmt: str) -> tuple[int | None, int, int]:
    """The columns of the query, the E-value and the bit score."""
    names = outfmt.split()[1:] or ["std"]
    columns = [column for name in names for column in (_STANDARD if name == "std" else (name,))]
    if not {"evalue", "bitscore"} <= set(columns):
        raise MergeFailed("sharded tabular merge requires evalue and bitscore columns")
    query = next((n for n, column in enumerate(columns) if column in _QUERY_IDS), None)
    return query, columns.index("evalue"), columns.index("bitscore")


def _merge_xml(search: ShardedSearch, texts: Iterable[bytes]) -> Merged:
    """Merge XML; the first file gives its frame, and the first mention of a query its own."""
    frame: ET.Element | None = None
    iterations: dict[str, ET.Element] = {}
    hits = defaultdict[str, list[tuple[float, float, int, int, ET.Element]]](list)
    total = 0
    for root in map(_parsed, texts):
        found = root.findall("./BlastOutput_iterations/Iteration")
        if frame is None:
            frame = root
            _set(frame, "BlastOutput_db", re.sub(r"_shard_\d+$", "", _text(root, "BlastOutput_db")))
        for iteration in found:
            name = _text(iteration, "Iteration_query-ID") or _text(iteration, "Iteration_query-def")
            for hit in iteration.findall("./Iteration_hits/Hit"):
                total += 1
                hits[name].append((*_rank(hit), total, hit))
            _add_statistics(iterations.setdefault(name, iteration), iteration)
    if frame is None:
        raise MergeFailed("No valid BLAST XML results found")
    node = _emptied(frame, "BlastOutput_iterations")
    kept = 0
    for name, iteration in iterations.items():
        chosen = [hit for *_, hit in sorted(hits[name], key=lambda entry: entry[:4])]
        place = _emptied(iteration, "Iteration_hits")
        for number, hit in enumerate(chosen[: search.max_target_seqs], start=1):
            _set(hit, "Hit_num", str(number))
            place.append(hit)
        kept += len(place)
        node.append(iteration)
    text = ET.tostring(frame, encoding="utf-8", xml_declaration=True)
    counts = {"total_input_hits": total, "total_output_hits": kept}
    return _merged(search, text, len(iterations), counts)


def _parsed(text: bytes) -> ET.Element:
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise MergeFailed(f"Malformed XML result: {error}") from error
    if root.tag != "BlastOutput":
        raise MergeFailed(f"Unexpected XML root {root.tag}")
    return root


def _rank(hit: ET.Element) -> tuple[float, float, int]:
    """The best E-value and the best bit score of a hit; more alignments come first."""
    alignments = hit.findall("./Hit_hsps/Hsp")
    if not alignments:
        raise MergeFailed("a hit has no alignment")
    evalue = min(float(_text(each, "Hsp_evalue")) for each in alignments)
    bits = max(float(_text(each, "Hsp_bit-score")) for each in alignments)
    return evalue, -bits, -len(alignments)


def _add_statistics(total: ET.Element, iteration: ET.Element) -> None:
    """Add the size of a further shard to a query's statistics."""
    if total is iteration:
        return
    for name in ("Statistics_db-num", "Statistics_db-len"):
        path = f"./Iteration_stat/Statistics/{name}"
        _set(total, path, str(int(_text(total, path)) + int(_text(iteration, path))))


def _merged(search: ShardedSearch, text: bytes, queries: int, counts: dict[str, int]) -> Merged:
    report = {
        "outfmt": int(search.outfmt.split()[0]),
        "max_target_seqs": search.max_target_seqs,
        "num_shards": search.shards,
        "queries": queries,
        **counts,
    }
    return Merged(gzip.compress(text, mtime=0), json.dumps(report, sort_keys=True, indent=2) + "\n")


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise MergeFailed(str(error)) from error


def _text(element: ET.Element, path: str) -> str:
    return (element.findtext(path) or "").strip()


def _set(element: ET.Element, path: str, text: str) -> None:
    if (found := element.find(path)) is not None:
        found.text = text


def _emptied(element: ET.Element, path: str) -> ET.Element:
    """A child without its own children."""
    child = element.find(path)
    if child is None:
        child = ET.SubElement(element, path)
    for each in list(child):
        child.remove(each)
    return child
