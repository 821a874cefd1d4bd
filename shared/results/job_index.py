"""The index of a job's hits: which result files it is made from, and how far it is."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.blast.result_files import MERGED, ManifestEntry, outfmt_of, query_batch_of
from shared.clients.blobs import Blobs
from shared.contracts.job import Job
from shared.errors import NotFound
from shared.hits.index import HitIndex
from shared.hits.indexer import Indexer, SearchResults
from shared.hits.store import IndexSource, IndexStore, plan_segments
from shared.results.manifest import read_manifest


@dataclass(frozen=True)
class JobIndex:
    """The index of one job. All methods raise Unavailable."""

    blobs: Blobs
    indexer: Indexer
    job: Job

    async def load(self) -> HitIndex | None:
        """The complete index, or None."""
        return await self._store.load()

    async def plan(self) -> list[Sequence[IndexSource]]:
        """The files of each segment. Raises NotFound if the manifest is gone."""
        files = await read_manifest(self.blobs, self.job)
        if files is None:
            message = f"the results of {self.job.job_id} were removed from Blob"
            raise NotFound("results_gone", message)
        return plan_segments(_indexed(files))

    async def find_missing(
        self, plan: Sequence[Sequence[IndexSource]]
    ) -> list[Sequence[IndexSource]]:
        """The parts of the plan that are not indexed yet."""
        return await self._store.find_missing(plan)

    async def index(self, files: Sequence[IndexSource]) -> None:
        """HitIndex one part of the plan: see Indexer. Raises NotFound if a file is gone."""
        job = self.job
        results = SearchResults(job.results_prefix, outfmt_of(job.search), query_batch_of, MERGED)
        await self.indexer.index(results, files)

    async def complete(self, plan: Sequence[Sequence[IndexSource]]) -> HitIndex | None:
        """Complete the index; None if a part is missing."""
        return await self._store.complete(plan)

    @property
    def _store(self) -> IndexStore:
        return IndexStore(self.blobs, self.job.results_prefix)


def indexed_names(names: Sequence[str]) -> Sequence[str]:
    """The files whose hits count: of a sharded search the merged ones, which are its results."""
    return [MERGED] if MERGED in names else names


def _indexed(entries: Sequence[ManifestEntry]) -> list[IndexSource]:
    sizes = {entry.name: entry.size for entry in entries}
    return [
        IndexSource(number, name, sizes[name])
        for number, name in enumerate(indexed_names(list(sizes)))
    ]
