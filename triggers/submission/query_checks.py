"""The checks of a query's content, the same for a text, an upload and a blob. Pure."""

from collections.abc import Iterator

from shared.blast.deflines import name_of
from shared.blast.fasta import Fasta, quoted_lines, read_fasta
from shared.blast.query_file import NotText, TooLong, query_text
from shared.contracts.search import Program
from shared.elastic_blast.allowed_options import OUTFMT, XML, has_flag, value_of
from shared.elastic_blast.option_values import first_position
from shared.errors import Fault, Invalid, TooLarge
from shared.util.redaction import redacted

MAX_LABEL = 80
"""Characters of a sequence's name in a label."""
MAX_QUERY_BYTES = 20_000_000 - 1
"""ElasticBLAST requires queries of 20 MB and more to be split first."""
MAX_BATCHES = 5000
INVALID_FASTA = "invalid_query_fasta"


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
    for message in fasta.faults:
        yield Fault(path, message, INVALID_FASTA)


def search_faults(fasta: Fasta, options: str, batch_len: int, prefix: str = "") -> Iterator[Fault]:
    """Yield the faults of a query without faults for a search with these options and batches.

    `prefix` is the path of the search in the request.
    """
    if (lines := fasta.lines_not_for_xml) and value_of(options, OUTFMT) == XML:
        message = (
            f"{XML}, XML, cannot have the titles in {quoted_lines(lines)} of the query: BLAST fails"
            " for letters beyond Latin-1, and for a last letter beyond ASCII; use outfmt 6 or 7"
        )
        yield Fault(f"{prefix}outfmt", message)
    if (lines := fasta.lines_not_parseable) and has_flag(options, "-parse_deflines"):
        message = (
            f"-parse_deflines reads the names in {quoted_lines(lines)} of the query as identifiers:"
            " they must be at most 50 letters, digits and ._-"
        )
        yield Fault(f"{prefix}additional_options", message)
    location = value_of(options, "-query_loc")
    if location and first_position(location) > min(fasta.lengths):
        message = f"-query_loc begins after the last of {min(fasta.lengths)} letters of a sequence"
        yield Fault(f"{prefix}additional_options", message)
    if fasta.batches(batch_len) > MAX_BATCHES:
        message = (
            f"{batch_len:,} would split this query into more than {MAX_BATCHES:,} batches of whole"
            f" sequences: use {_batch_len(fasta):,}"
        )
        yield Fault(f"{prefix}batch_len", message)


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


def _batch_len(fasta: Fasta) -> int:
    """A length with at most MAX_BATCHES batches: each but the last has more than it without the
    longest sequence."""
    return max(fasta.lengths) + -(-fasta.residues // (MAX_BATCHES - 1))
