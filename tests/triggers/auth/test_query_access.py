"""Failure 38: query blobs of one caller do not exist for another."""

import uuid
from dataclasses import dataclass, replace

import pytest

from shared.clients.blobs import Blobs
from shared.contracts.job import Job
from shared.contracts.storage_urls import QUERIES, StorageAccount
from shared.errors import Invalid
from shared.jobs import JobStateRepository
from tests.activities.batch.conftest import blobs, clock, jobs  # noqa: F401  fixtures
from tests.shared.jobs.conftest import Clock
from tests.support.samples import ALICE, BOB, job, settings
from triggers.auth.query_access import QueryAccess, upload_path
from triggers.submission.accept import SubmissionService
from triggers.submission.parse import parse

ACCOUNT = StorageAccount("stgelb")
ADMIN = replace(BOB, is_admin=True)


@dataclass(frozen=True)
class Container:
    """Alice's query blobs and the submission service."""

    queries: QueryAccess
    door: SubmissionService
    of_alice: Job

    async def put(self, path: str) -> str:
        url = ACCOUNT.url(QUERIES, path)
        await self.queries.blobs.put(url, b">q\nACGT\n")
        return url


@pytest.fixture
async def container(
    jobs: JobStateRepository,  # noqa: F811
    blobs: Blobs,  # noqa: F811
    clock: Clock,  # noqa: F811
) -> Container:
    number = uuid.uuid4().int
    of_alice = await jobs.create(job(number), {})
    door = SubmissionService(jobs, blobs, settings(), clock)
    return Container(QueryAccess(jobs, blobs, ACCOUNT), door, of_alice)


@pytest.mark.parametrize("name", ["abcdef0123456789.fa", "{job}.ini", "abcdef0123456789.jsonl"])
async def test_a_jobs_query_is_readable_by_its_owner_and_admins(
    container: Container, name: str
) -> None:
    text = container.of_alice.job_id
    url = await container.put(f"{text}/{name.format(job=text)}")
    assert await container.queries.version(ALICE, url)
    assert await container.queries.version(ADMIN, url)
    assert not await container.queries.version(BOB, url)


async def test_an_upload_is_readable_by_its_uploader(container: Container) -> None:
    url = await container.put(upload_path(ALICE, uuid.uuid4().bytes))
    assert await container.queries.version(ALICE, url)
    assert not await container.queries.version(BOB, url)


async def test_shared_blobs_are_readable_by_all(container: Container) -> None:
    url = await container.put(f"genomes/{uuid.uuid4().hex}.fa")
    assert await container.queries.version(BOB, url)
    assert not await container.queries.version(BOB, f"{url}.gz")


async def test_the_folder_of_an_unknown_job_is_not_readable(container: Container) -> None:
    url = await container.put(f"job-{uuid.uuid4().hex}/q.fa")
    assert not await container.queries.version(ADMIN, url)


@pytest.mark.parametrize("there", [True, False])
async def test_another_owners_query_looks_like_a_missing_one(
    container: Container, there: bool
) -> None:
    path = f"{container.of_alice.job_id}/abcdef0123456789.fa"
    url = await container.put(path) if there else ACCOUNT.url(QUERIES, path)
    body = {"program": "blastn", "db": "16S", "query_blob_url": url}
    with pytest.raises(Invalid) as caught:
        await container.door.accept(parse(body, settings()), BOB, None, "http")
    (fault,) = caught.value.faults
    assert (fault.path, fault.message) == (
        "query_blob_url",
        f"there is no {url}: upload the query first",
    )


async def test_an_owner_can_reuse_the_query_of_a_job(container: Container) -> None:
    url = await container.put(f"{container.of_alice.job_id}/abcdef0123456789.fa")
    several = {"program": "blastn", "db": "16S", "searches": [{"query_blob_url": url}]}
    assert (
        await container.door.accept(parse(several, settings()), ALICE, None, "queue")
    ).job.child_count == 1
