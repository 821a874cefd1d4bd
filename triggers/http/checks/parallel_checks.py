"""Parallel checks of several services within a time limit."""

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import wait
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.errors import ControlPlaneError
from shared.util.threads import Threads

Name = TypeVar("Name", bound=str)
T = TypeVar("T")
CHECK_THREADS = Threads(16, "check")
"""The threads of the process for checks. A check that exceeds the time limit keeps its thread until
its client times out."""


@dataclass(frozen=True)
class CheckResult(Generic[T]):
    """The result of a check: a value, or the error as a sentence."""

    value: T | None
    error: str | None
    milliseconds: int


def run_checks(
    checks: Mapping[Name, Callable[[], T]], timeout: float
) -> dict[Name, CheckResult[T]]:
    """Run all checks in parallel; one that takes longer than `timeout` seconds is an error."""
    futures = {name: CHECK_THREADS.submit(_run_check, check) for name, check in checks.items()}
    wait(futures.values(), timeout=timeout)
    timed_out = CheckResult[T](None, f"no answer within {timeout:g} s", int(timeout * 1000))
    results = {}
    for name, future in futures.items():
        results[name] = future.result() if future.done() else timed_out
        future.cancel()
    return results


def _run_check(check: Callable[[], T]) -> CheckResult[T]:
    started_at = time.monotonic()
    value, error_text = None, None
    try:
        value = check()
    except ControlPlaneError as error:
        error_text = str(error)
    except Exception:  # a bug in one check must not hide the results of the others
        logging.getLogger("blast").exception("check_crashed")
        error_text = "internal error in the check: see the log line check_crashed"
    return CheckResult(value, error_text, int((time.monotonic() - started_at) * 1000))
