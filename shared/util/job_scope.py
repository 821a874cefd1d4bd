"""The job that the current work concerns, which each log record of that work names as a field.

It is a ContextVar: tasks inherit it, and `in_thread` passes it on.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

JOB_ID = "job_id"
_current: ContextVar[str | None] = ContextVar(JOB_ID, default=None)
_IN_MESSAGE = re.compile(rf"^\w+ (?:\S+=\S+ )*?{JOB_ID}=([\w-]+)")


def current_job_id() -> str | None:
    """The id of the job that the current work concerns; None where that is no one job."""
    return _current.get()


def enter_job(job_id: str) -> None:
    """Let the rest of the current scope concern a job, whose id has just become known."""
    _current.set(job_id)


@contextmanager
def job_scope(job_id: str | None) -> Iterator[None]:
    """Let the block concern a job, or none; what `enter_job` set in it ends with it, too."""
    token = _current.set(job_id)
    try:
        yield
    finally:
        _current.reset(token)


class JobIdFilter(logging.Filter):
    """Adds the field `job_id` to records: that of the line itself, or else of the current work.

    A line can name another job than the one being worked on, such as the next of a queue.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        named = _IN_MESSAGE.match(str(record.msg))
        if job_id := named[1] if named else current_job_id():
            setattr(record, JOB_ID, job_id)
        return True
