"""Each log record of a job has its id as a field: in tasks, threads, and lines about another."""

import asyncio
import logging
from collections.abc import Iterator

import pytest

from shared.util.job_scope import current_job_id, enter_job, job_scope
from shared.util.threads import in_thread

log = logging.getLogger("blast")


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    kept: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = kept.append  # type: ignore[method-assign, assignment]
    log.addHandler(handler)
    yield kept
    log.removeHandler(handler)


def ids(records: list[logging.LogRecord]) -> list[str | None]:
    return [getattr(record, "job_id", None) for record in records]


async def test_tasks_and_threads_log_under_their_job(records: list[logging.LogRecord]) -> None:
    async def work(job_id: str) -> None:
        with job_scope(job_id):
            await asyncio.sleep(0)
            log.warning("step_taken")
            await asyncio.create_task(in_task())
            await in_thread(log.warning, "step_taken in a thread")

    async def in_task() -> None:
        log.warning("step_taken in a task")

    await asyncio.gather(*(work(name) for name in ("job-1", "job-2")))
    log.warning("step_taken outside")
    assert sorted(ids(records[:-1]), key=str) == ["job-1"] * 3 + ["job-2"] * 3
    assert ids(records[-1:]) == [None]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("waiting_job_not_woken job_id=job-2: no answer", "job-2"),
        ("activity_postponed job_id=job-2 activity=x: no", "job-2"),
        ("next_job_not_woken code=x job_id=job-2: no", "job-2"),
        ("handler_crashed handler=x", "job-1"),
        ("message_abandoned: quoted job_id=job-9", "job-1"),
    ],
    ids=["first", "followed", "second", "none", "quoted"],
)
def test_a_line_can_name_another_job(
    records: list[logging.LogRecord], message: str, expected: str
) -> None:
    with job_scope("job-1"):
        log.warning("%s", message)
    assert ids(records) == [expected]


def test_a_job_that_becomes_known_ends_with_the_scope() -> None:
    with job_scope(None):
        enter_job("job-1")
        assert current_job_id() == "job-1"
    assert current_job_id() is None
