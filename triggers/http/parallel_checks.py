"""Questions to several others at once, each bounded in time."""

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import wait
from dataclasses import dataclass
from functools import cache
from typing import Generic, TypeVar

from shared.errors import ControlPlaneError
from shared.util.threads import Threads

T = TypeVar("T")
AT_A_TIME = 16
"""A question whose answer nobody waits for any more ends by its client's own patience."""


@dataclass(frozen=True)
class CheckResult(Generic[T]):
    """What a question came to: an answer, or the trouble that prevented one."""

    answer: T | None
    trouble: str | None
    milliseconds: int


def run_checks(
    questions: Mapping[str, Callable[[], T]], patience: float
) -> dict[str, CheckResult[T]]:
    """Ask all at once; what is not answered within `patience` seconds is trouble."""
    asked = {name: _pool().submit(_run_check, question) for name, question in questions.items()}
    wait(asked.values(), timeout=patience)
    late = CheckResult[T](None, f"no answer within {patience:g} s", int(patience * 1000))
    heard = {}
    for name, future in asked.items():
        heard[name] = future.result() if future.done() else late
        future.cancel()
    return heard


def _run_check(question: Callable[[], T]) -> CheckResult[T]:
    began = time.monotonic()
    answer, trouble = None, None
    try:
        answer = question()
    except ControlPlaneError as error:
        trouble = str(error)
    except Exception:  # the last door of one question: a bug must not silence the others
        logging.getLogger("blast").exception("a question failed")
        trouble = "asking failed; the log says how"
    return CheckResult(answer, trouble, int((time.monotonic() - began) * 1000))


@cache
def _pool() -> Threads:
    return Threads(AT_A_TIME, thread_name_prefix="ask")
