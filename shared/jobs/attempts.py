"""The next attempt of a job that failed. Pure."""

from datetime import datetime, timedelta

from shared.contracts.job import Job, elb_id
from shared.contracts.states import Phase


def next_attempt(job: Job, attempt: int, now: datetime, deadline: timedelta) -> Job:
    """The job as if it had just been accepted, under a name that ElasticBLAST does not know."""
    return Job(
        job_id=job.job_id,
        elb_job_id=elb_id(job.job_id, attempt),
        owner=job.owner,
        search=job.search,
        fingerprint=job.fingerprint,
        submission_source=job.submission_source,
        correlation_id=job.correlation_id,
        phase=Phase.QUEUED,
        created_at=job.created_at,
        updated_at=now,
        deadline_at=now + deadline,
        attempt=attempt,
        sequence=job.sequence + 1,
        # What the attempt before may have left running is known by these.
        operations=job.operations,
        unseen_until=job.unseen_until,
        parent_job_id=job.parent_job_id,
        child_number=job.child_number,
        notify=job.notify,
        request_id=job.request_id,
        entered={Phase.QUEUED: now},
    )
