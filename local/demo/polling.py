"""Polls the API until a job has reached a state, or the app is ready."""

import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from local.demo.client import Api, RequestRejected

END_STATUSES = {"completed", "failed", "cancelled"}
POLL_SECONDS = 0.1
"""Seconds between two reads; each is one point read."""


class PollTimeout(Exception):
    """The job did not reach the state in time."""


def until(
    api: Api,
    job_id: str,
    is_done: Callable[[dict[str, Any]], bool],
    timeout: float,
    on_poll: Callable[[dict[str, Any]], None] = lambda job: None,
) -> dict[str, Any]:
    """Poll until `is_done(job)`, and return the job; `on_poll` gets every state.

    Raises PollTimeout after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while True:
        job = api.job(job_id)
        on_poll(job)
        if is_done(job):
            return job
        if time.monotonic() > deadline:
            raise PollTimeout(f"{job_id} is {job['phase']} after {timeout:.0f} s: {job}")
        pause.wait(POLL_SECONDS)


def until_ready(api: Api, timeout: float) -> None:
    """Poll until every dependency of the app answers. Raises RequestRejected after `timeout`.

    A check has 5 seconds, in which a busy machine may not load all clients.
    """
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while True:
        try:
            api.ready()
        except RequestRejected as rejection:
            if rejection.status != HTTPStatus.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
                raise
        else:
            return
        pause.wait(POLL_SECONDS)


def has_ended(job: dict[str, Any]) -> bool:
    return job["status"] in END_STATUSES
