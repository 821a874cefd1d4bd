"""The checks of a submission that read storage, the same for its acceptance and a pre-flight."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

from shared.clients.blobs import Blobs
from shared.contracts.job import Caller
from shared.contracts.search import Search, SearchSpec, Sizing
from shared.contracts.storage_urls import StorageAccount
from shared.elastic_blast.sharding import has_database_size, with_database_size
from shared.errors import Fault
from shared.jobs import JobStateRepository
from shared.util.parallel import parallel_map
from triggers.auth.query_access import QueryAccess
from triggers.submission.database_catalog import DatabaseCatalog
from triggers.submission.named_queries import (
    FIELD,
    PARALLEL_READS,
    NamedQueries,
    NamedQuery,
    QueryContent,
    check_named_sizes,
    missing,
)
from triggers.submission.parse import Submission

PARALLELISM = 16
"""Concurrent storage calls for one request."""

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True)
class DatabaseCheck:
    """What is wrong, or can surprise, about the databases of a submission."""

    faults: tuple[Fault, ...]
    warnings: tuple[str, ...]
    letters: Mapping[str, int] = field(default_factory=dict)
    """The size of each database in shards, by its URL, as far as it is known."""

    def apply(self, search: Search) -> Search:
        """The search, with the size of the whole database in its options if that is in shards."""
        letters = self.letters.get(search.database_url)
        if letters is None or not search.sizing.db_partitions:
            return search
        return replace(search, options=with_database_size(search.options, letters))


@dataclass(frozen=True)
class QueryCheck:
    """What is wrong, or can surprise, about the named queries of a submission."""

    faults: tuple[Fault, ...]
    warnings: tuple[str, ...]
    contents: Mapping[NamedQuery, QueryContent]


@dataclass(frozen=True)
class SubmissionChecks:
    """Checks databases and named queries. Every method raises Unavailable."""

    jobs: JobStateRepository
    blobs: Blobs
    account: StorageAccount

    async def databases(self, submission: Submission) -> DatabaseCheck:
        """Check that the programs can search the databases, and that their shards are there.

        Each pair of program and database is checked once, however many searches use it.
        """
        searches = {prefix: spec.search for prefix, spec in searches_of(submission)}
        pairs = {prefix: (s.program, s.database_url) for prefix, s in searches.items()}
        mismatches = await map_distinct(self.catalog.mismatch, pairs.values())
        faults = [
            Fault(f"{prefix}db", message, "program_database_incompatible")
            for prefix, pair in pairs.items()
            if (message := mismatches[pair])
        ]
        # A pre-flight also looks at searches with faults: then there may be no prefix.
        sharded = {path: s for path, s in searches.items() if s.sizing.db_partition_prefix}
        missing = await map_distinct(
            self._missing_shards, ((s.database_url, s.sizing) for s in sharded.values())
        )
        faults += (
            Fault(f"{prefix}db_partitions", message)
            for prefix, search in sharded.items()
            if (message := missing[search.database_url, search.sizing])
        )
        sizes = await map_distinct(
            self.catalog.letters_at,
            (s.database_url for s in sharded.values() if not has_database_size(s.options)),
        )
        warnings = (
            f"E-values will be those of single shards: the size of {url} is unknown; send -dbsize"
            for url, letters in sizes.items()
            if letters is None
        )
        known = {url: letters for url, letters in sizes.items() if letters is not None}
        return DatabaseCheck(tuple(faults), tuple(warnings), known)

    async def queries(self, submission: Submission, caller: Caller) -> QueryCheck:
        """Read and check each named query, and whether the caller may use it.

        Each blob is read once for each program. Raises TooLarge.
        """
        searches = {prefix: spec.search for prefix, spec in named(submission)}
        access = QueryAccess(self.jobs, self.blobs, self.account)
        urls = (search.query_url for search in searches.values())
        versions = await map_distinct(lambda url: access.version(caller, url), urls)
        check_named_sizes(versions)
        readable = [search for search in searches.values() if versions[search.query_url]]
        contents = await map_distinct(
            self.named_queries.read, map(NamedQuery.of, readable), PARALLEL_READS
        )
        faults: list[Fault] = []
        for prefix, search in searches.items():
            if content := contents.get(NamedQuery.of(search)):
                faults += content.search_faults(search, prefix)
            else:
                faults.append(missing(f"{prefix}{FIELD}", search.query_url))
        warnings = (
            f"{FIELD} {query.url} {warning}"
            for query, content in contents.items()
            for warning in content.warnings
        )
        return QueryCheck(tuple(faults), tuple(dict.fromkeys(warnings)), contents)

    @cached_property
    def catalog(self) -> DatabaseCatalog:
        return DatabaseCatalog(self.blobs, self.account)

    @cached_property
    def named_queries(self) -> NamedQueries:
        return NamedQueries(self.blobs, self.account)

    async def _missing_shards(self, url_and_sizing: tuple[str, Sizing]) -> str | None:
        """Return a sentence if the database is there, and not all of its shards.

        None also if there is no such database: it may still be copied, and elastic-blast reports
        a missing one.
        """
        url, sizing = url_and_sizing
        if not await self.catalog.databases_at(url):
            return None
        found = await self.catalog.shards_at(sizing.db_partition_prefix, sizing.db_partitions)
        if found == sizing.db_partitions:
            return None
        return (
            f"{found} of {sizing.db_partitions} shards are at {sizing.db_partition_prefix}:"
            " build them first"
        )


def searches_of(submission: Submission) -> Iterator[tuple[str, SearchSpec]]:
    """Yield each search of a submission with the prefix of its fault paths."""
    if not submission.is_batch:
        yield "", SearchSpec(submission.search, submission.query_text, submission.fingerprint)
    for number, spec in enumerate(submission.searches):
        yield f"searches.{number}.", spec


def named(submission: Submission) -> Iterator[tuple[str, SearchSpec]]:
    """Yield the searches whose query is a blob, with the prefix of their fault paths."""
    return ((prefix, spec) for prefix, spec in searches_of(submission) if spec.query_text is None)


async def map_distinct(
    function: Callable[[Key], Awaitable[Value]], keys: Iterable[Key], parallelism: int = PARALLELISM
) -> dict[Key, Value]:
    """Call the function once per distinct key, so many calls at a time."""
    distinct_keys = list(dict.fromkeys(keys))
    values = await parallel_map(function, distinct_keys, parallelism)
    return dict(zip(distinct_keys, values, strict=True))
