"""How many submissions a process creates at a time, so that other requests are answered between."""

import asyncio
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.clients.blobs import Blobs
from shared.errors import Unavailable
from shared.jobs import JobStateRepository
from tests.activities.batch.conftest import blobs, jobs  # noqa: F401  fixtures
from tests.shared.jobs.conftest import Clock, clock  # noqa: F401  a fixture
from tests.support.samples import ALICE, settings
from triggers.submission.accept import PARALLEL_CREATIONS, AcceptedSubmission, SubmissionService
from triggers.submission.parse import Submission, parse

BODY = {"program": "blastn", "db": "16S", "query_data": ">q\nACGTTGCA\n"}
MORE = PARALLEL_CREATIONS + 3


class StoppedBlobs(Blobs):
    """A store that answers no write before `go`, and counts the writes that wait for it."""

    def __init__(self, blobs: Blobs) -> None:  # noqa: F811
        super().__init__(blobs._service, blobs._account)
        self.go, self.all_wait = asyncio.Event(), asyncio.Event()
        self.waiting, self.most = 0, 0

    async def put(self, url: str, data: bytes) -> None:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        if self.waiting == PARALLEL_CREATIONS:
            self.all_wait.set()
        await self.go.wait()
        self.waiting -= 1


@pytest.fixture
def submission() -> Submission:
    return parse(BODY, settings())


@pytest.fixture
def stopped(blobs: Blobs) -> StoppedBlobs:  # noqa: F811
    return StoppedBlobs(blobs)


@pytest.fixture
def service(
    jobs: JobStateRepository,  # noqa: F811
    stopped: StoppedBlobs,
    clock: Clock,  # noqa: F811
) -> SubmissionService:
    return SubmissionService(jobs, stopped, settings(), clock)


async def take_all_places(
    service: SubmissionService, stopped: StoppedBlobs, submission: Submission
) -> list[asyncio.Task[AcceptedSubmission]]:
    """Submissions that hold all places until storage answers."""
    first = [
        asyncio.ensure_future(service.accept(submission, ALICE, None, "http"))
        for _ in range(PARALLEL_CREATIONS)
    ]
    await stopped.all_wait.wait()
    return first


async def test_only_so_many_jobs_are_created_at_a_time_and_all_of_them_in_the_end(
    service: SubmissionService, stopped: StoppedBlobs, submission: Submission
) -> None:
    accepting = [
        asyncio.ensure_future(service.accept(submission, ALICE, uuid.uuid4().hex, "http"))
        for _ in range(MORE)
    ]
    await stopped.all_wait.wait()
    stopped.go.set()
    accepted = await asyncio.gather(*accepting)
    assert len({one.job.job_id for one in accepted}) == MORE
    assert stopped.most == PARALLEL_CREATIONS


async def test_a_submission_that_waits_too_long_for_others_is_refused_and_creates_nothing(
    service: SubmissionService, stopped: StoppedBlobs, submission: Submission
) -> None:
    service = replace(service, max_wait=timedelta())
    first = await take_all_places(service, stopped, submission)
    key = uuid.uuid4().hex
    with pytest.raises(Unavailable, match="earlier submissions") as refusal:
        await service.accept(submission, ALICE, key, "http")
    assert refusal.value.code == "storage_unavailable"
    assert await service.find_existing(submission, ALICE, key) is None
    stopped.go.set()
    await asyncio.gather(*first)
    accepted = await service.accept(submission, ALICE, key, "http")
    assert not accepted.replayed, "the places are free again"


async def test_a_cancelled_submission_frees_its_place(
    service: SubmissionService, stopped: StoppedBlobs, submission: Submission
) -> None:
    service = replace(service, max_wait=timedelta())
    first = await take_all_places(service, stopped, submission)
    for task in first:
        task.cancel()
    await asyncio.gather(*first, return_exceptions=True)
    stopped.go.set()
    await service.accept(submission, ALICE, None, "http")
