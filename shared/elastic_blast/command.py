"""The command line of a submission (R1, R2)."""

import re

_KEY = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""Narrower than elastic-blast's own rule: `_` and `.` would make Kubernetes names invalid."""


def submit_argv(elb_job_id: str, correlation_id: str) -> tuple[str, ...]:
    """The argv that submits the config on its stdin, once for each `elb_job_id`.

    Raises ValueError for an id that elastic-blast or Kubernetes would not take.
    """
    for value in (elb_job_id, correlation_id):
        if not _KEY.fullmatch(value):
            raise ValueError(f"{value!r} cannot name a submission: 1 to 63 of a-z, 0-9 and -")
    return (
        *("elastic-blast", "submit", "--cfg", "-", "--json"),
        *("--idempotency-key", elb_job_id),
        *("--correlation-id", correlation_id),
        *("--logfile", "stderr", "--loglevel", "INFO"),
    )
