"""Databases in shards: where elastic-blast finds them, and which searches it can merge. Pure.

Source: the templates, `init-db-shard-aks.sh` and `merge-sharded-results.sh` of the Azure port, the
latter as the dashboard replaces it.
"""

from collections.abc import Iterator

from shared.contracts.search import Program, Sizing
from shared.contracts.storage_urls import InvalidPath, StorageAccount
from shared.elastic_blast.allowed_options import OUTFMT, XML, value_of

MOST_SHARDED_JOBS = 100
"""Blast Jobs of a sharded search: shards times batches."""
MERGED_FORMATS = (XML, "6", "7")
_STANDARD = "std"
_SIZE_FLAGS = ("-dbsize", "-searchsp")
_QUERY_COLUMNS = frozenset({"qseqid", "qacc", "qaccver", "qgi"})
_RANKING_COLUMNS = ("evalue", "bitscore")
_PROGRAMS = (Program.BLASTN, Program.TBLASTN, Program.TBLASTX)
"""Those that search nucleotides: elastic-blast stages the alias file `.nal` of a shard only."""


def shards_prefix(database_url: str, shards: int) -> str | None:
    """The URL before the number of each shard of a database, by elastic-blast's convention.

    None if the database is not in a folder of its own name: the volumes are found by that.
    """
    folder, _, name = database_url.rpartition("/")
    root, _, folder_name = folder.rpartition("/")
    return f"{root}/{shards}shards/{name}_shard_" if folder_name == name else None


def checked_prefix(account: StorageAccount, given: str, expected: str) -> str:
    """The URL of a prefix that a request names. Only its folder, before the name, may be another.

    elastic-blast takes the database's own URL from it. Raises InvalidPath.
    """
    url = account.shards(given)
    folder, _, name = url.rpartition("/")
    expected_folder, _, expected_name = expected.rpartition("/")
    if name != expected_name or folder.rpartition("/")[0] != expected_folder.rpartition("/")[0]:
        raise InvalidPath(f"must be {expected}, or have another folder in place of the last one")
    return url


def shard_name(prefix: str, shard: int) -> str:
    """The name of a shard, as of the database that BLAST searches."""
    return f"{prefix.rpartition('/')[2]}{shard:02d}"


def sharding_faults(
    program: Program | None, database_url: str, options: str, sizing: Sizing
) -> Iterator[tuple[str, str]]:
    """Yield the field and the message of what a search of so many shards must not have.

    A program, a URL and options that are invalid are passed as None and as empty.
    """
    shards = sizing.db_partitions
    if program and program not in _PROGRAMS:
        yield "db_partitions", f"{program} searches proteins; only nucleotides can be in shards"
    if shards > sizing.num_nodes:
        nodes = f"num_nodes is {sizing.num_nodes}"
        yield "db_partitions", f"each of {shards} shards needs a node of its own: {nodes}"
    if database_url and shards_prefix(database_url, shards) is None:
        yield "db_partitions", "the database must be in a folder of its own name, as <db>/<db>"
    outfmt = value_of(options, OUTFMT)
    if outfmt and (message := merge_fault(outfmt)):
        yield "outfmt", message


def merge_fault(outfmt: str) -> str | None:
    """Complete "outfmt ..." if elastic-blast cannot merge the results of shards in a format."""
    number, *columns = outfmt.split()
    if number not in MERGED_FORMATS:
        formats = ", ".join(MERGED_FORMATS)
        return f"{number} cannot be merged: results of shards must have one of {formats}"
    if number == XML or not columns or _STANDARD in columns:
        return None
    missing = [column for column in _RANKING_COLUMNS if column not in columns]
    if _QUERY_COLUMNS.isdisjoint(columns):
        missing.append("qseqid")
    if not missing:
        return None
    return f"{number} needs the columns {' and '.join(missing)}, by which the hits are merged"


def has_database_size(options: str) -> bool:
    """Whether options say what E-values are calculated from, beside the searched sequences."""
    return any(value_of(options, flag) for flag in _SIZE_FLAGS)


def with_database_size(options: str, letters: int) -> str:
    """Add the size of a whole database, so that E-values of its shards are those of the whole."""
    return options if has_database_size(options) else f"{options} {_SIZE_FLAGS[0]} {letters}"
