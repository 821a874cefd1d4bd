"""Failure 38: what lies in Blob for one caller is, for another, not there."""

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
    """Queries of Alice's, each with who may search with it, and the way in."""

    queries: QueryAccess
    door: SubmissionService
    of_alice: Job

    def put(self, path: str) -> str:
        url = ACCOUNT.url(QUERIES, path)
        self.queries.blobs.put(url, b">q\nACGT\n")
        return url


@pytest.fixture
def container(
    jobs: JobStateRepository,  # noqa: F811
    blobs: Blobs,  # noqa: F811
    clock: Clock,  # noqa: F811
) -> Container:
    number = uuid.uuid4().int
    of_alice = jobs.create(job(number), {})
    door = SubmissionService(jobs, blobs, settings(), clock)
    return Container(QueryAccess(jobs, blobs, ACCOUNT), door, of_alice)


@pytest.mark.parametrize("name", ["abcdef0123456789.fa", "{job}.ini", "abcdef0123456789.jsonl"])
def test_what_lies_with_a_job_is_for_its_owner_and_for_admins(
    container: Container, name: str
) -> None:
    text = container.of_alice.job_id
    url = container.put(f"{text}/{name.format(job=text)}")
    assert container.queries.can_read(ALICE, url)
    assert container.queries.can_read(ADMIN, url)
    assert not container.queries.can_read(BOB, url)


def test_what_was_uploaded_is_for_whoever_did(container: Container) -> None:
    url = container.put(upload_path(ALICE, "q.fa", uuid.uuid4().bytes))
    assert container.queries.can_read(ALICE, url)
    assert not container.queries.can_read(BOB, url)


def test_what_the_deployment_put_there_is_for_all(container: Container) -> None:
    url = container.put(f"genomes/{uuid.uuid4().hex}.fa")
    assert container.queries.can_read(BOB, url)
    assert not container.queries.can_read(BOB, f"{url}.gz")


def test_what_lies_with_a_job_that_nobody_knows_is_for_nobody(container: Container) -> None:
    url = container.put(f"job-{uuid.uuid4().hex}/q.fa")
    assert not container.queries.can_read(ADMIN, url)


@pytest.mark.parametrize("there", [True, False])
def test_a_search_with_the_query_of_another_is_refused_as_if_it_were_not_there(
    container: Container, there: bool
) -> None:
    path = f"{container.of_alice.job_id}/abcdef0123456789.fa"
    url = container.put(path) if there else ACCOUNT.url(QUERIES, path)
    body = {"program": "blastn", "db": "16S", "query_blob_url": url}
    with pytest.raises(Invalid) as caught:
        container.door.accept(parse(body, settings()), BOB, None, "http")
    (fault,) = caught.value.faults
    assert (fault.path, fault.message) == (
        "query_blob_url",
        f"there is no {url}: upload the query first",
    )


def test_an_owner_searches_again_with_the_query_of_a_job(container: Container) -> None:
    url = container.put(f"{container.of_alice.job_id}/abcdef0123456789.fa")
    several = {"program": "blastn", "db": "16S", "searches": [{"query_blob_url": url}]}
    assert (
        container.door.accept(parse(several, settings()), ALICE, None, "queue").job.child_count == 1
    )
