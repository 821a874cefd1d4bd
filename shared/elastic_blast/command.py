"""The command line of a submission (R1, R2)."""

import re

_KEY = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""Stricter than elastic-blast's own rule: `_` and `.` are invalid in Kubernetes names."""


def submit_argv(elb_job_id: str, correlation_id: str) -> tuple[str, ...]:
    """The argv of a submission, which reads the config from stdin. Idempotent per `elb_job_id`.

    Raises ValueError for an id that elastic-blast or Kubernetes would reject.
    """
    for value in (elb_job_id, correlation_id):
        if not _KEY.fullmatch(value):
            raise ValueError(
                f"{value!r} cannot name a submission: it must have 1 to 63 of a-z, 0-9 and -"
            )
    return (
        *("elastic-blast", "submit", "--cfg", "-", "--json"),
        *("--idempotency-key", elb_job_id),
        *("--correlation-id", correlation_id),
        *("--logfile", "stderr", "--loglevel", "INFO"),
    )
