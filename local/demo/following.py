"""Following a job to its end, from outside: its state now and then, until it has ended."""

import threading
import time
from collections.abc import Callable
from typing import Any

from local.demo.client import Api

ENDS = {"completed", "failed", "cancelled"}
EVERY = 0.1
"""Seconds between two reads: a read is one point read, and a person looks on."""


class TooSlow(Exception):
    """What was waited for did not come in time."""


def until(
    api: Api,
    job_id: str,
    done: Callable[[dict[str, Any]], bool],
    patience: float,
    shown: Callable[[dict[str, Any]], None] = lambda job: None,
) -> dict[str, Any]:
    """The job once `done` says so of it; `shown` is given every state. Raises TooSlow."""
    by = time.monotonic() + patience
    pause = threading.Event()
    while True:
        job = api.job(job_id)
        shown(job)
        if done(job):
            return job
        if time.monotonic() > by:
            raise TooSlow(f"{job_id} is {job['phase']} after {patience:.0f} s: {job}")
        pause.wait(EVERY)


def has_ended(job: dict[str, Any]) -> bool:
    return job["status"] in ENDS
