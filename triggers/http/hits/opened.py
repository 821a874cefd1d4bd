"""The hits of a job, opened for a request."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from shared.blast.result_files import outfmt_of
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.errors import NotFound
from shared.hits.filters import Filter
from shared.hits.formats import refuse_unreadable
from shared.hits.index import HitIndex
from shared.hits.reader import Hits
from shared.hits.store import IndexStore
from triggers.http.hits.params import FilterQuery
from triggers.http.result_files import file_of, results_retry_after
from triggers.http.services import HttpServices
from triggers.schemas.results import FileUnreadable


@dataclass(frozen=True)
class IndexedHits:
    """The index of a job that has results."""

    job: Job
    index: HitIndex

    @property
    def unreadable(self) -> list[FileUnreadable]:
        """The files whose hits are missing, each with the reason."""
        return [
            FileUnreadable(name=file.name, code=file.code, message=file.message or "")
            for file in self.index.unreadable
            if file.code
        ]

    async def filter_of(self, services: HttpServices, query: FilterQuery) -> Filter:
        """The filter of a request. Raises NotFound for an unknown file."""
        if query.file_name is None:
            return query.to_filter(None)
        name = (await file_of(services, self.job, query.file_name)).name
        numbers = [file.number for file in self.index.files if file.name == name]
        # The files of shards are not indexed where there are merged results.
        return query.to_filter(numbers[0] if numbers else -1)


@dataclass(frozen=True)
class OpenedHits(IndexedHits):
    """The hits of a job that has results."""

    hits: Hits


async def find_index(services: HttpServices, job: Job) -> IndexedHits:
    """The index of a job's hits.

    Raises NotFound without results, Unreadable for a format that cannot be read, and Unavailable
    with the time to wait while the hits are being indexed.
    """
    refuse_without_results(job)
    refuse_unreadable(outfmt_of(job.search))
    return IndexedHits(job, await services.clients.hit_indexes.index_of(job))


@asynccontextmanager
async def open_hits(services: HttpServices, job: Job) -> AsyncIterator[OpenedHits]:
    """Open the hits of a job. Raises as `find_index` does."""
    found = await find_index(services, job)
    async with open_index(services, found) as hits:
        yield OpenedHits(job, found.index, hits)


def open_index(services: HttpServices, found: IndexedHits) -> AbstractAsyncContextManager[Hits]:
    """Open the hits of an index. Raises as the reader's `open` does."""
    store = IndexStore(services.clients.blobs, found.job.results_prefix)
    return services.clients.hits_reader.open(store, found.index)


def refuse_without_results(job: Job) -> None:
    """Raises NotFound for a job that has no results, or none yet."""
    if job.child_count:
        message = f"{job.job_id} is a batch: read the results of its searches"
    elif job.phase is not Phase.COMPLETED:
        message = f"{job.job_id} has no results, its status is {job.phase.status}"
    else:
        return
    raise NotFound("no_results", message, results_retry_after(job))
