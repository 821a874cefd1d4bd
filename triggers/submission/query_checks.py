"""The checks of a query's content, the same for a text, an upload and a blob. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.blast.deflines import name_of
from shared.blast.fasta import Fasta, quoted_lines, read_fasta
from shared.blast.query_file import NotText, TooLong, query_text
from shared.contracts.machines import excess_in_job_name
from shared.contracts.search import Program, Search, Sizing
from shared.elastic_blast.allowed_options import OUTFMT, XML, has_flag, value_of
from shared.elastic_blast.option_values import first_position
from shared.elastic_blast.sharding import MOST_SHARDED_JOBS
from shared.errors import Fault, Invalid, TooLarge
from shared.util.redaction import redacted

MAX_LABEL = 80
"""Characters of a sequence's name in a label."""
MAX_QUERY_BYTES = 20_000_000 - 1
"""ElasticBLAST requires queries of 20 MB and more to be split first."""
MAX_BATCHES = 5000
MOST_OF_3_DIGITS = 1000
"""Batches whose numbers, from 000, have three digits."""
SAMPLE, NUCLEOTIDE_SHARE = 100_000, 0.9
"""Characters of a query that are looked at, and the share of A, C, G, T, U and N in nucleotides."""
DEFLINES = "-parse_deflines"
INVALID_FASTA = "invalid_query_fasta"


@dataclass(frozen=True)
class QueryUse:
    """What a search does with its query."""

    program: Program
    database_url: str
    options: str
    sizing: Sizing

    @staticmethod
    def of(search: Search) -> "QueryUse":
        return QueryUse(search.program, search.database_url, search.options, search.sizing)


def parse_fasta_file(data: bytes, program: Program | None, path: str) -> Fasta:
    """Read the bytes of a query; `path` is the field that gave them.

    Raises Invalid if they are no text, and TooLarge. The FASTA can have faults.
    """
    try:
        text = query_text(data, MAX_QUERY_BYTES)
    except NotText as error:
        raise Invalid([Fault(path, str(error), INVALID_FASTA)]) from error
    except TooLong as error:
        message = f"the query has more than {MAX_QUERY_BYTES:,} bytes of text: split it"
        raise TooLarge("query_too_large", message) from error
    return parse_fasta(text, program)


def parse_fasta(text: str, program: Program | None) -> Fasta:
    """Read a query. The FASTA can have faults. Raises TooLarge."""
    check_query_size(len(text.encode()))
    fasta = read_fasta(text, program)
    check_query_size(len(fasta.text.encode()))  # longer, if it has many sequences without a name
    return fasta


def content_faults(fasta: Fasta, path: str) -> Iterator[Fault]:
    """Yield the faults of a query that any search with it has."""
    for fault in fasta.faults:
        yield Fault(path, fault.message, INVALID_FASTA, fault.line)


def search_faults(fasta: Fasta, use: QueryUse, prefix: str = "") -> Iterator[Fault]:
    """Yield the faults of a query without faults for a search with it.

    `prefix` is the path of the search in the request.
    """
    for field, message in (*_option_faults(fasta, use.options), *_batch_faults(fasta, use)):
        yield Fault(f"{prefix}{field}", message)


def _option_faults(fasta: Fasta, options: str) -> Iterator[tuple[str, str]]:
    if (lines := fasta.lines_not_for_xml) and value_of(options, OUTFMT) == XML:
        message = (
            f"{XML}, XML, cannot have the titles in {quoted_lines(lines)} of the query: BLAST fails"
            " for letters beyond Latin-1, and for a last letter beyond ASCII; use outfmt 6 or 7"
        )
        yield "outfmt", message
    if (lines := fasta.lines_not_parseable) and has_flag(options, DEFLINES):
        message = (
            f"{DEFLINES} reads the names in {quoted_lines(lines)} of the query as identifiers:"
            " they must be at most 50 letters, digits and ._-"
        )
        yield "additional_options", message
    location = value_of(options, "-query_loc")
    if location and first_position(location) > min(fasta.lengths):
        message = f"-query_loc begins after the last of {min(fasta.lengths)} letters of a sequence"
        yield "additional_options", message


def _batch_faults(fasta: Fasta, use: QueryUse) -> Iterator[tuple[str, str]]:
    sizing = use.sizing
    batches = fasta.batches(sizing.batch_len)
    if sizing.db_partitions:
        yield from _shard_faults(fasta, use, batches)
    elif batches > MAX_BATCHES:
        yield "batch_len", _too_many_batches(fasta, sizing.batch_len, MAX_BATCHES)
    elif batches > MOST_OF_3_DIGITS and _exceed_job_name(use, batches):
        message = _too_many_batches(fasta, sizing.batch_len, MOST_OF_3_DIGITS)
        yield "batch_len", f"{message}, as Jobs with longer numbers have names that are too long"


def _exceed_job_name(use: QueryUse, batches: int) -> bool:
    return excess_in_job_name(use.program, use.database_url, batches) > 0


def _shard_faults(fasta: Fasta, use: QueryUse, batches: int) -> Iterator[tuple[str, str]]:
    shards = use.sizing.db_partitions
    most = max(1, MOST_SHARDED_JOBS // shards)
    if batches > most:
        message = _too_many_batches(fasta, use.sizing.batch_len, most)
        yield "batch_len", f"{message}: {shards} shards have at most {MOST_SHARDED_JOBS} Jobs"
    is_xml, has_names = value_of(use.options, OUTFMT) == XML, has_flag(use.options, DEFLINES)
    if batches > 1 and is_xml and not has_names:
        message = (
            f"{XML}, XML, of several batches is merged by the number of a query in its batch, which"
            f" mixes queries: use outfmt 6 or 7, {DEFLINES}, or a batch_len of {fasta.residues:,}"
        )
        yield "outfmt", message
    if (lines := fasta.lines_of_same_name) and (has_names or not is_xml):
        message = (
            "results of shards are merged by the names of queries, and earlier ones have those in"
            f" {quoted_lines(lines)} of the query: their hits would be mixed"
        )
        yield "outfmt", message


def composition(fasta: Fasta) -> str:
    """What the first letters of a query look like: `nucleotides` or `proteins`."""
    lines = (line for line in fasta.text[:SAMPLE].split("\n") if not line.startswith(">"))
    letters = "".join(lines).upper()
    nucleotides = sum(map(letters.count, "ACGTUN"))
    return "nucleotides" if nucleotides >= NUCLEOTIDE_SHARE * len(letters) else "proteins"


def label_of(fasta: Fasta) -> str:
    """Return the name of a query for people: its first sequence's, and how many follow."""
    name = redacted(name_of(fasta.text.partition("\n")[0]))[:MAX_LABEL]
    more = fasta.sequences - 1
    return f"{name} (+{more:,})" if name and more > 0 else name


def check_query_size(size: int) -> None:
    """Raise TooLarge if a query of so many bytes is too large for ElasticBLAST."""
    if size > MAX_QUERY_BYTES:
        message = f"the query has {size:,} bytes, the limit is {MAX_QUERY_BYTES:,}: split it"
        raise TooLarge("query_too_large", message)


def _too_many_batches(fasta: Fasta, batch_len: int, most: int) -> str:
    return (
        f"{batch_len:,} would split this query into more than {most:,} batches of whole sequences:"
        f" use {_batch_len(fasta, most):,}"
    )


def _batch_len(fasta: Fasta, most: int) -> int:
    """A length with at most so many batches: each but the last has more than it without the
    longest sequence."""
    return max(fasta.lengths) + -(-fasta.residues // max(1, most - 1))
