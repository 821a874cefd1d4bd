"""Deadlines and TTLs, with a clock that the test moves."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.cluster.admission import admit_new
from local.cluster.api_errors import ApiError
from local.cluster.cluster import LocalCluster, open_cluster
from local.cluster.kubelet import Backoff
from local.cluster.pages import TOKEN_LIFETIME, Pages
from local.cluster.resources import JOBS, PODS
from local.cluster.times import brief
from tests.local.cluster.cluster_fixture import TIMEOUT_SECONDS, Json, holds, job

ONCE = Backoff(first=0.001, longest=0.001)


class ManualClock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


class TimedCluster:
    """A cluster in the test's process, with one Job and a manual clock."""

    def __init__(self, cluster: LocalCluster, clock: ManualClock) -> None:
        self.cluster = cluster
        self.clock = clock

    def create(self, body: Json) -> None:
        self.cluster.store.add(JOBS, admit_new(JOBS, body, "default"))
        self.cluster.controller.settle()

    @property
    def job(self) -> Json | None:
        jobs = self.cluster.store.every(JOBS)
        return jobs[0].obj if jobs else None

    @property
    def pods(self) -> list[Json]:
        return [record.obj for record in self.cluster.store.every(PODS)]

    def later(self, **by: float) -> None:
        self.clock.move(**by)
        self.cluster.controller.settle()

    async def until(self, done: Callable[[], object]) -> None:
        """Wait until `done()`; it is called again after each change."""
        changed = asyncio.Event()
        self.cluster.store.listeners.append(lambda _: changed.set())
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not done():
                await changed.wait()
                changed.clear()

    def has(self, condition: str) -> bool:
        return self.job is not None and holds(self.job, condition) is not None


@pytest.fixture
async def timed(tmp_path: Path):  # type: ignore[no-untyped-def]  # pytest-asyncio wraps it
    clock = ManualClock()
    cluster = open_cluster(tmp_path, 4, clock, ONCE)
    await cluster.start()
    yield TimedCluster(cluster, clock)
    await cluster.close()


async def test_a_finished_job_is_deleted_with_its_pods_after_its_ttl(timed: TimedCluster) -> None:
    timed.create(job("brief", "true", ttlSecondsAfterFinished=1800))
    await timed.until(lambda: timed.has("Complete"))
    timed.later(seconds=1799)
    assert timed.job is not None
    assert len(timed.pods) == 1
    timed.later(seconds=1)
    assert timed.job is None
    assert timed.pods == []


async def test_a_failed_job_is_deleted_after_its_ttl(timed: TimedCluster) -> None:
    timed.create(job("brief", "false", ttlSecondsAfterFinished=0))
    await timed.until(lambda: timed.job is None)
    assert timed.pods == []


async def test_a_finished_job_without_a_ttl_stays(timed: TimedCluster) -> None:
    timed.create(job("kept", "true"))
    await timed.until(lambda: timed.has("Complete"))
    timed.later(days=400)
    assert timed.has("Complete")


async def test_a_job_past_its_deadline_fails_when_its_pod_is_gone(timed: TimedCluster) -> None:
    timed.create(job("late", "sleep 600", activeDeadlineSeconds=60))
    await timed.until(lambda: timed.pods[0]["status"]["phase"] == "Running")
    timed.later(seconds=59)
    assert not timed.has("FailureTarget")
    timed.later(seconds=1)
    assert timed.has("FailureTarget") and not timed.has("Failed")
    await timed.until(lambda: timed.has("Failed"))
    assert timed.job is not None
    end = holds(timed.job, "Failed")
    assert end is not None and end["reason"] == "DeadlineExceeded"
    assert timed.pods == []


async def test_a_failed_pod_is_replaced_after_its_back_off(timed: TimedCluster) -> None:
    timed.create(job("again", "false", backoffLimit=1))
    await timed.until(lambda: timed.job and timed.job["status"].get("failed") == 1)
    assert len(timed.pods) == 1
    timed.later(seconds=1)
    assert len(timed.pods) == 2
    await timed.until(lambda: timed.has("Failed"))


async def test_objects_have_the_injected_time(timed: TimedCluster) -> None:
    timed.create(job("dated", "true"))
    await timed.until(lambda: timed.has("Complete"))
    assert timed.job is not None
    assert timed.job["metadata"]["creationTimestamp"] == "2030-01-01T00:00:00Z"
    assert timed.job["status"]["completionTime"] == "2030-01-01T00:00:00Z"


def test_a_continue_token_expires_after_five_minutes() -> None:
    clock = ManualClock()
    pages = Pages(clock)
    token = pages.first([None] * 3, 7, 1).token  # type: ignore[list-item]  # only counted
    clock.move(seconds=TOKEN_LIFETIME.total_seconds() - 1)
    second = pages.after(token, 1)
    assert (second.version, second.left) == (7, 1)
    clock.move(seconds=1)
    with pytest.raises(ApiError) as refused:
        pages.after(token, 1)
    assert (refused.value.code, refused.value.reason) == (410, "Expired")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *[(0, "0s"), (119, "119s"), (120, "2m"), (125, "2m5s"), (3600, "60m")],
        *[(12_000, "3h20m"), (36_000, "10h"), (100_000, "27h"), (200_000, "2d")],
    ],
)
def test_an_age_is_formatted_as_in_kubectl(seconds: int, text: str) -> None:
    assert brief(timedelta(seconds=seconds)) == text
