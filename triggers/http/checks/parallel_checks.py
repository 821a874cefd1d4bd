"""Parallel checks of several services within a time limit."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.errors import ControlPlaneError

Name = TypeVar("Name", bound=str)
T = TypeVar("T")


@dataclass(frozen=True)
class CheckResult(Generic[T]):
    """The result of a check: a value, or the error as a sentence."""

    value: T | None
    error: str | None
    milliseconds: int


async def run_checks(
    checks: Mapping[Name, Callable[[], Awaitable[T]]], timeout: float
) -> dict[Name, CheckResult[T]]:
    """Run all checks in parallel; one that takes longer than `timeout` seconds is an error."""
    results = await asyncio.gather(*(_run_check(check, timeout) for check in checks.values()))
    return dict(zip(checks, results, strict=True))


async def _run_check(check: Callable[[], Awaitable[T]], timeout: float) -> CheckResult[T]:
    started_at = time.monotonic()
    value, error_text = None, None
    try:
        async with asyncio.timeout(timeout):
            value = await check()
    except TimeoutError:
        error_text = f"no answer within {timeout:g} s"
    except ControlPlaneError as error:
        error_text = str(error)
    except Exception:  # a bug in one check must not hide the results of the others
        logging.getLogger("blast").exception("check_crashed")
        error_text = "internal error in the check: see the log line check_crashed"
    return CheckResult(value, error_text, int((time.monotonic() - started_at) * 1000))
