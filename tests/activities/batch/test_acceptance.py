"""Accepting a batch of searches: one claim, one blob, and nothing at all where one is wrong."""

import uuid

import pytest

from shared.clients.blobs import BlobInfo, Blobs
from shared.contracts.storage_urls import DATABASES, QUERIES, StorageAccount
from shared.errors import Conflict, Invalid
from shared.jobs import JobStateRepository
from shared.jobs.batch_blob import batch_url, load
from tests.shared.jobs.conftest import Clock
from tests.support.samples import ALICE, settings
from triggers.submission.accept import SubmissionService, derived_id
from triggers.submission.parse import Submission, parse

ACCOUNT = StorageAccount("stgelb")
SECRET = "ACGTTGCA"


@pytest.fixture
def door(jobs: JobStateRepository, blobs: Blobs, clock: Clock) -> SubmissionService:
    return SubmissionService(jobs, blobs, settings(), clock)


def asked(*searches: dict[str, str]) -> Submission:
    top = {"program": "blastn", "db": "16S", "query_data": f">q\n{SECRET}\n"}
    return parse({**top, "searches": list(searches)}, settings())


async def test_a_batch_is_one_job_and_its_searches_one_blob(
    door: SubmissionService, blobs: Blobs
) -> None:
    several = asked({}, {"db": "nt"})
    job = (await door.accept(several, ALICE, None, "http")).job
    assert (job.child_count, job.counts.expected) == (2, 2)
    assert job.search.query_url == batch_url(ACCOUNT, job.job_id, several.fingerprint)
    data = await blobs.get(job.search.query_url)
    assert data is not None
    assert load(data, [1, 2]) == list(several.searches)
    assert SECRET not in str(await door.jobs.find(job.job_id)), "failure 22"
    assert (job.deadline_at - job.created_at).days > 365, "its searches have deadlines"


async def test_failure_1_a_batch_that_arrives_twice_is_one_batch(door: SubmissionService) -> None:
    key = uuid.uuid4().hex
    first = await door.accept(asked({}, {"db": "nt"}), ALICE, key, "http")
    again = await door.accept(asked({}, {"database": "nt"}), ALICE, key, "queue")
    assert again.replayed
    assert again.job == first.job


async def test_failure_2_a_batch_with_another_search_is_another_request(
    door: SubmissionService,
) -> None:
    key = uuid.uuid4().hex
    await door.accept(asked({}, {"db": "nt"}), ALICE, key, "http")
    with pytest.raises(Conflict):
        await door.accept(asked({}, {"db": "nr"}), ALICE, key, "http")


async def test_failure_14_a_query_that_is_not_there_is_named_and_nothing_is_kept(
    door: SubmissionService, blobs: Blobs
) -> None:
    await blobs.put(ACCOUNT.url(QUERIES, "there.fa"), b">q\nACGT\n")
    key, missing = uuid.uuid4().hex, {"query_blob_url": f"{uuid.uuid4().hex}.fa"}
    several = asked({"query_blob_url": "there.fa"}, missing, {}, missing)
    with pytest.raises(Invalid) as caught:
        await door.accept(several, ALICE, key, "http")
    places = [fault.path for fault in caught.value.faults]
    assert places == ["searches.1.query_blob_url", "searches.3.query_blob_url"]
    job_id = derived_id(ALICE, key)
    assert await door.jobs.find(job_id) is None
    assert await blobs.list(ACCOUNT.url(QUERIES, f"{job_id}/")) == []


async def test_a_database_that_a_program_cannot_search_is_named_at_each_search_and_looked_at_once(
    door: SubmissionService, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    await blobs.ensure(DATABASES)
    for part in ("hr", "in", "sq"):
        await blobs.put(ACCOUNT.url(DATABASES, f"prots/prots.p{part}"), b"1")
    looked, listing = list[str](), blobs.list

    async def look(url: str) -> list[BlobInfo]:
        looked.append(url)
        return await listing(url)

    monkeypatch.setattr(blobs, "list", look)
    several = asked({"db": "prots"}, {}, {"db": "prots"}, {"program": "blastx", "db": "prots"})
    key = uuid.uuid4().hex
    with pytest.raises(Invalid) as caught:
        await door.accept(several, ALICE, key, "http")
    assert caught.value.code == "program_database_incompatible"
    assert [fault.path for fault in caught.value.faults] == ["searches.0.db", "searches.2.db"]
    folders = {ACCOUNT.url(DATABASES, "prots/"), ACCOUNT.url(DATABASES, "16S/")}
    assert set(looked) == folders
    assert len(looked) <= len(folders) + 1, "blastx and blastn may look at the same time"
    assert await door.jobs.find(derived_id(ALICE, key)) is None
