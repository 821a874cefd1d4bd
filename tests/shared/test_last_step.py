"""What follows other work: it is always done, and never hides the error of that work."""

import asyncio
import logging

import pytest

from shared.errors import Unavailable
from shared.last_step import followed_by


class Steps:
    """Records that the step was done; it fails with an error that a test sets."""

    def __init__(self, error: Exception | None = None) -> None:
        self.done = 0
        self._error = error

    async def __call__(self) -> None:
        await asyncio.sleep(0)  # it gives way to the loop, as a call of storage does
        self.done += 1
        if self._error:
            raise self._error


async def test_the_step_follows_the_block() -> None:
    step = Steps()
    async with followed_by(step, "close"):
        assert step.done == 0
    assert step.done == 1


async def test_an_error_of_the_step_alone_is_raised() -> None:
    with pytest.raises(OSError, match="full"):
        async with followed_by(Steps(OSError("full")), "close"):
            pass


@pytest.mark.parametrize("first", [ValueError("first"), ExceptionGroup("some", [KeyError("x")])])
async def test_the_first_error_is_raised_and_that_of_the_step_is_logged(
    first: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    step = Steps(OSError("full"))
    with pytest.raises(type(first)) as raised:
        async with followed_by(step, "close"):
            raise first
    assert raised.value is first and step.done == 1
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "last_step_failed step=close")
    assert record.exc_info and str(record.exc_info[1]) == "full"


async def test_storage_that_is_still_away_after_the_block_is_no_crash(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A line with a traceback would fire the alert on faults of the app itself."""
    away = Unavailable("storage_unavailable", "Tables answered 503")
    with pytest.raises(ValueError, match="first"):
        async with followed_by(Steps(away), "close"):
            raise ValueError("first")
    (record,) = caplog.records
    text = "last_step_failed step=close code=storage_unavailable: Tables answered 503"
    assert (record.levelno, record.getMessage()) == (logging.WARNING, text)
    assert record.exc_info is None


@pytest.mark.parametrize("error", [None, OSError("full")], ids=["step-works", "step-fails"])
async def test_a_cancelled_block_is_followed_and_stays_cancelled(error: Exception | None) -> None:
    step, started = Steps(error), asyncio.Event()

    async def work() -> None:
        async with followed_by(step, "close"):
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert step.done == 1
