"""Submissions without a key: the same one, sent again within a minute, is the same job.

A client of the URL API that sends a POST again after a cut connection cannot name a key. The job id
is derived from the content and the minute, and the caller's active jobs, which each submission
counts anyway, tell whether an id of this minute or the last one is taken. So it costs no call more.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.contracts.job import Caller, Job
from shared.errors import TooMany
from triggers.auth.quotas import check_active_limit
from triggers.submission.accept import AcceptedSubmission, SubmissionService, derived_id
from triggers.submission.parse import Submission

WINDOW = timedelta(seconds=60)
IDS_PER_WINDOW = 5
"""Jobs with the same content in a minute: one may end, or be cancelled, before the next one."""


@dataclass(frozen=True)
class RepeatableSubmissions:
    """Accepts submissions, of which repeats are recognized by their content."""

    service: SubmissionService

    async def accept(
        self, submission: Submission, caller: Caller, source: str, max_active_jobs: int
    ) -> AcceptedSubmission:
        """Create the job, or return the caller's job of the same content, if it is no older than
        WINDOW, has not ended, and is not being cancelled. Raises as SubmissionService.accept does.
        """
        jobs, now = self.service.jobs, self.service.now()
        this_minute, last_minute = _ids(submission, caller, now)
        active = await jobs.index.find_active_ids(caller, max_active_jobs)
        for job_id in (*this_minute, *last_minute):
            # An active row can be ahead of its job, which may never follow.
            job = await jobs.find(job_id) if job_id in active else None
            if job and now - job.created_at <= WINDOW and not _is_over(job):
                return AcceptedSubmission(job, replayed=True)
        if len(active) >= max_active_jobs:
            await check_active_limit(jobs.index, caller, max_active_jobs)
        for job_id in this_minute:
            job, found = await self.service.create(submission, caller, job_id, source)
            if not _is_over(job):
                warnings = (*submission.warnings, *found)
                return AcceptedSubmission(job, job.created_at < now, warnings)
        message = "the same search was submitted and ended too often within a minute"
        raise TooMany("rate_exceeded", message, WINDOW)


def _is_over(job: Job) -> bool:
    return job.phase.is_end or job.cancel_requested_at is not None


def _ids(submission: Submission, caller: Caller, now: datetime) -> tuple[list[str], list[str]]:
    """The ids that a job with this content can have in this minute and in the one before."""
    content = f"{submission.fingerprint} {submission.search.report}"
    minute = int(now.timestamp() // WINDOW.total_seconds())
    this_minute, last_minute = (
        [derived_id(caller, f"url_api {content} {at} {number}") for number in range(IDS_PER_WINDOW)]
        for at in (minute, minute - 1)
    )
    return this_minute, last_minute
