"""The queries that a submission names by URL: read, checked like a text, and copied for the job."""

import asyncio
import hashlib
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from shared.blast.fasta import Fasta
from shared.clients.blobs import Blobs, Version
from shared.contracts.search import Program, Search
from shared.contracts.storage_urls import QUERIES, StorageAccount
from shared.errors import Fault, Invalid, TooLarge
from shared.util.threads import in_thread
from triggers.auth.query_access import is_private
from triggers.submission.query_checks import (
    MAX_QUERY_BYTES,
    QueryUse,
    check_query_size,
    composition,
    content_faults,
    parse_fasta_file,
    search_faults,
)
from triggers.submission.turns import take_turn

FIELD = "query_blob_url"
PARALLEL_READS = 2
"""Query blobs in memory at a time, of all requests together: each takes up to five times its 20 MB
(decision 0136)."""
MAX_NAMED_BYTES = 10 * MAX_QUERY_BYTES
"""All blobs that one request names: they are read before it is accepted."""


@dataclass(frozen=True)
class NamedQuery:
    """A query blob as a program reads it."""

    url: str
    program: Program

    @staticmethod
    def of(search: Search) -> "NamedQuery":
        return NamedQuery(search.query_url, search.program)


@dataclass(frozen=True)
class QueryContent:
    """What a query blob has; `fasta` is None if it is no text, and then there are faults."""

    faults: tuple[Fault, ...]
    """Those that any search with the query has, with FIELD as their path."""
    fasta: Fasta | None = None
    """Without its text, which would keep many large queries in memory."""
    composition: str = ""
    """What its letters look like."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was changed, or can surprise; each completes a sentence about the query."""
        return self.fasta.warnings if self.fasta and not self.faults else ()

    def search_faults(self, search: Search, prefix: str) -> list[Fault]:
        """The faults of a search with this query; `prefix` is the search's path in the request."""
        if self.faults or self.fasta is None:
            return [replace(fault, path=f"{prefix}{fault.path}") for fault in self.faults]
        return list(search_faults(self.fasta, QueryUse.of(search), prefix))


@dataclass(frozen=True)
class NamedQueries:
    """Reads query blobs. Every method raises Unavailable, and TooLarge."""

    blobs: Blobs
    account: StorageAccount
    max_wait: timedelta = timedelta(seconds=20)
    """A read that waits longer for earlier ones is refused, as a submission is."""
    _reads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PARALLEL_READS))

    async def read(self, query: NamedQuery) -> QueryContent:
        """Read and check a blob."""
        async with self._turn():
            try:
                _, fasta = await self._read(query)
            except Invalid as error:
                return QueryContent(error.faults)
            return QueryContent((), replace(fasta, text=""), composition(fasta))

    async def store(self, query: NamedQuery, job_id: str) -> str:
        """Return the URL that the job searches: the blob's own, or that of a copy for the job.

        A blob is searched itself if only the app writes it, once, and in the form of `Fasta.text`.
        Raises Invalid if it has become invalid since it was checked.
        """
        async with self._turn():
            data, fasta = await self._read(query)
            text = fasta.text.encode()
            if text == data and is_private(self.account, query.url):
                return query.url
            url = self._copy_url(job_id, query.url)
            await self.blobs.put(url, text)
        return url

    def _turn(self) -> AbstractAsyncContextManager[None]:
        return take_turn(self._reads, self.max_wait, "reads of query blobs")

    async def _read(self, query: NamedQuery) -> tuple[bytes, Fasta]:
        """The bytes of a blob and the query in it. Raises Invalid if they have faults."""
        data, size = await self.blobs.read_prefix(query.url, MAX_QUERY_BYTES + 1) or (None, 0)
        if data is None:
            raise Invalid([missing(FIELD, query.url)])
        check_query_size(size)
        # In a thread, as checking a large query takes long.
        fasta = await in_thread(parse_fasta_file, data, query.program, FIELD)
        if faults := list(content_faults(fasta, FIELD)):
            raise Invalid(faults)
        return data, fasta

    def _copy_url(self, job_id: str, url: str) -> str:
        """The URL of a job's copy of a blob, under a name of our own.

        elastic-blast goes by the name: it unpacks `.gz` and `.tar`, and reads `.query-list` as a
        list of paths.
        """
        digest = hashlib.sha256(url.encode()).hexdigest()[:16]
        return self.account.url(QUERIES, f"{job_id}/{digest}.fa")


def check_named_sizes(versions: Mapping[str, Version | None]) -> None:
    """Raise TooLarge if a blob, by URL, or all of them together are too large."""
    sizes = [version.size for version in versions.values() if version]
    for size in sizes:
        check_query_size(size)
    if sum(sizes) > MAX_NAMED_BYTES:
        message = (
            f"the query blobs have {sum(sizes):,} bytes, the limit of one request is"
            f" {MAX_NAMED_BYTES:,}: send several"
        )
        raise TooLarge("query_too_large", message)


def missing(path: str, url: str) -> Fault:
    """Return the fault of a blob that does not exist, or that the caller may not use."""
    return Fault(path, f"there is no {url}: upload the query first")
