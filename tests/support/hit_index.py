"""Indexes the hits of a completed job, as the stage INDEX does."""

from shared.clients.blobs import Blobs
from shared.contracts.job import Job
from shared.hits.indexer import Indexer
from shared.results.job_index import JobIndex


async def index_hits(blobs: Blobs, job: Job) -> None:
    """Index all files of the job's manifest."""
    index = JobIndex(blobs, Indexer(blobs), job)
    plan = await index.plan()
    for files in await index.find_missing(plan):
        await index.index(files)
    assert await index.complete(plan)
