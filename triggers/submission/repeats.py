"""Submissions without a key: the same one, sent again within a minute, is the same job.

A client of the URL API that sends a POST again after a cut connection cannot name a key. So the
first one claims its content in storage (`shared.jobs.claims`), in the transaction that writes the
active row of its job. The query that counts the caller's active jobs also finds the claim, so that
all this costs no storage call.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.contracts.job import Caller, Job
from shared.errors import Unavailable
from shared.jobs.claims import ClaimTaken, ContentClaim
from triggers.auth.quotas import check_active_limit
from triggers.submission.accept import AcceptedSubmission, SubmissionService, new_id
from triggers.submission.parse import Submission

WINDOW = timedelta(seconds=60)
MAX_LOST_CLAIMS = 8
"""Times that another submission of the same content may be faster."""


@dataclass(frozen=True)
class RepeatableSubmissions:
    """Accepts submissions, of which repeats are recognized by their content."""

    service: SubmissionService

    async def accept(
        self, submission: Submission, caller: Caller, source: str, max_active_jobs: int
    ) -> AcceptedSubmission:
        """Create the job, or return the caller's job of the same content, if it was claimed no
        longer than WINDOW before this call, has not ended, and is not being cancelled.

        Raises as SubmissionService.accept does.
        """
        index, arrived_at = self.service.jobs.index, self.service.now()
        content = f"{submission.fingerprint} {submission.search.report}"
        for _ in range(MAX_LOST_CLAIMS):
            now = self.service.now()
            claim = await index.claims.find(caller, content, max_active_jobs, now)
            is_recent = _is_recent(claim, arrived_at)
            job = await self._claimed_job(claim) if is_recent else None
            if job and not _is_over(job):
                return AcceptedSubmission(job, replayed=True)
            # A recent claim without a job: its creator is about to write that, or has died. The
            # limit allowed that job, which may be the last one that it allows.
            job_id = claim.job_id if is_recent and job is None else None
            if job_id is None and claim.active_rows >= max_active_jobs:
                if job and job.phase.is_end:
                    # It counts as active until reconcile, if its process died right after its end.
                    await self.service.jobs.sync(job)
                await check_active_limit(index, caller, max_active_jobs)
            self.service.active_limit.add(caller)
            try:
                accepted = await self.service.create(
                    submission, caller, job_id or new_id(), source, claim=claim
                )
            except ClaimTaken:
                continue
            return replace(accepted, warnings=(*submission.warnings, *accepted.warnings))
        raise Unavailable("concurrent_update", "the same search is being submitted too often")

    async def _claimed_job(self, claim: ContentClaim) -> Job | None:
        return await self.service.jobs.find(claim.job_id) if claim.job_id else None


def _is_recent(claim: ContentClaim, arrived_at: datetime) -> bool:
    """Also a claim is that was made after the arrival, while this submission was checked."""
    return claim.claimed_at is not None and arrived_at - claim.claimed_at <= WINDOW


def _is_over(job: Job) -> bool:
    return job.phase.is_end or job.cancel_requested_at is not None
