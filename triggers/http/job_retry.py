"""Retry over HTTP: a person has a failed search run once more, from its beginning."""

from dataclasses import dataclass
from datetime import timedelta

from azure.functions import HttpRequest, HttpResponse

from shared import dependencies
from shared.contracts.job import Job
from shared.contracts.states import Phase, Status
from shared.errors import NotRetryable
from shared.jobs import JobStateRepository
from shared.settings import settings
from shared.util.threads import in_thread
from triggers.auth.quotas import check_active_limit
from triggers.durable_client import DurableClient, ensure_started
from triggers.http.etag import retry_after_header
from triggers.http.jobs import keys_in_headers, own_job
from triggers.http.responses import handle_errors_async, json_response


@handle_errors_async
async def retry(req: HttpRequest, client: DurableClient) -> HttpResponse:
    """POST /api/blast/jobs/{id}/retry"""
    job = await in_thread(_queued_again, req)
    await ensure_started(client, job)
    body = {"job_id": job.job_id, "task_id": job.job_id, "status": Status.QUEUED.value}
    return json_response(body, 202, retry_after_header(job))


@dataclass(frozen=True)
class JobRetry:
    """Queues failed jobs again; `deadline` is how long the next attempt may take.

    An owner has at most `most_active` jobs that have not ended.
    """

    jobs: JobStateRepository
    job_timeout: timedelta
    max_active_jobs: int

    def queue(self, job: Job, request_id: str | None) -> Job:
        """The job in its next attempt. Two that ask at once get the same one, and a request that is
        sent again gets the one it made, even if that has failed meanwhile.

        Raises Conflict where the job has not failed, Pointless, and TooMany.
        """
        if request_id and job.attempt > 1 and self._has_asked(job, request_id):
            return job
        if job.phase is Phase.CONFIG_INVALID:
            raise NotRetryable("not_retryable", "what was refused would be refused again")
        if job.child_count and job.phase.is_failure:
            raise NotRetryable(
                "not_retryable", "a batch is not run again: retry its failed searches"
            )
        if job.phase.is_failure and job.is_settled:  # else it has its place among the active
            check_active_limit(self.jobs.index, job.owner, self.max_active_jobs)
        return self.jobs.start_attempt(job.job_id, job.attempt + 1, self.job_timeout, request_id)

    def _has_asked(self, job: Job, request_id: str) -> bool:
        return any(
            event.event == "retry_requested" and event.payload.get("request_id") == request_id
            for event in self.jobs.events(job.job_id)
        )


def _queued_again(req: HttpRequest) -> Job:
    job, config = own_job(req), settings()
    request_id = next(iter(keys_in_headers(req).values()), None)
    return JobRetry(dependencies.jobs(), config.job_timeout, config.max_active_jobs).queue(
        job, request_id
    )
