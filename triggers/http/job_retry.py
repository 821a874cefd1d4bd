"""HTTP handler that runs a failed job again from its beginning, as its next attempt."""

from dataclasses import dataclass
from datetime import timedelta

from azure.functions import HttpRequest, HttpResponse

from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.errors import NotRetryable
from shared.jobs import JobStateRepository
from triggers.auth.quotas import check_active_limit
from triggers.durable_client import DurableClient, ensure_started
from triggers.http.etag import retry_after_header
from triggers.http.jobs import job_of_request, keys_in_headers, single_key
from triggers.http.responses import handle_errors, json_response
from triggers.http.services import HttpServices
from triggers.schemas.jobs import RetryAccepted
from triggers.views.failures import can_retry


@handle_errors
async def retry_job(
    services: HttpServices, req: HttpRequest, client: DurableClient
) -> HttpResponse:
    """POST /api/blast/jobs/{id}/retry"""
    job, request_id = await job_of_request(services, req), single_key(keys_in_headers(req))
    async with services.turn():
        job = await _queue_retry(services, job, request_id)
        await ensure_started(client, job, services.clients.settings.crash_retry)
    body = RetryAccepted(job_id=job.job_id, task_id=job.job_id, status="queued")
    return json_response(body, 202, retry_after_header(job))


@dataclass(frozen=True)
class JobRetry:
    """Queues failed jobs for another attempt."""

    jobs: JobStateRepository
    job_timeout: timedelta
    """Time limit of the next attempt."""
    max_active_jobs: int
    """Limit per owner."""

    async def queue(self, job: Job, request_id: str | None) -> Job:
        """Start the next attempt and return the job.

        Concurrent requests start one attempt. A repeated `request_id` returns the attempt that it
        started, even if that has failed since.
        Raises Conflict if the job has not failed, NotRetryable, and TooMany.
        """
        if request_id and job.attempt > 1 and await self._is_repeated(job, request_id):
            return job
        if job.phase is Phase.CONFIG_INVALID:
            message = f"{job.job_id} has an invalid config: submit a corrected search instead"
            raise NotRetryable("not_retryable", message)
        if job.phase.is_failure and not can_retry(job):
            message = f"{job.job_id} is a batch: retry its failed searches"
            raise NotRetryable("not_retryable", message)
        if job.phase.is_failure:
            await self._require_kept_batch(job)
            await check_active_limit(self.jobs.index, job.owner, self.max_active_jobs)
        return await self.jobs.start_attempt(
            job.job_id, job.attempt + 1, self.job_timeout, request_id
        )

    async def _require_kept_batch(self, job: Job) -> None:
        """Raise NotRetryable if the search would be deleted with its batch.

        A batch that is to be deleted right after this has the search cancelled (see `delete_job`).
        """
        if not job.parent_job_id:
            return
        batch = await self.jobs.find(job.parent_job_id)
        if batch is None or batch.delete_requested_at or batch.phase is Phase.DELETED:
            message = (
                f"{job.job_id} belongs to the batch {job.parent_job_id}, which is being deleted"
            )
            raise NotRetryable("not_retryable", message)

    async def _is_repeated(self, job: Job, request_id: str) -> bool:
        events = await self.jobs.events(job.job_id)
        return any(
            event.event == "retry_requested" and event.payload.get("request_id") == request_id
            for event in events
        )


async def _queue_retry(services: HttpServices, job: Job, request_id: str | None) -> Job:
    config = services.clients.settings
    services.submissions.active_limit.add(job.owner)
    return await JobRetry(services.clients.jobs, config.job_timeout, config.max_active_jobs).queue(
        job, request_id
    )
