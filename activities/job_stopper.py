"""The steps that reconcile takes itself: the orchestration cannot run, or the job has ended."""

from dataclasses import dataclass

from activities.batch import BatchActivities
from activities.cleanup import Cleanup
from activities.crash import CrashRecorder
from shared.contracts.activities import ActivityInput, CleanupResult, StepResult
from shared.contracts.job import Job
from shared.jobs import JobStateRepository


@dataclass(frozen=True)
class JobStopper:
    """Takes the steps that end a job. All are idempotent, and may run beside an orchestration."""

    jobs: JobStateRepository
    cleanup: Cleanup
    batch: BatchActivities
    crash_recorder: CrashRecorder

    async def stop(self, job_id: str) -> StepResult:
        """Take the next step that stops the job."""
        job = await self.jobs.get(job_id)
        input_ = ActivityInput(job_id, job.step + 1, attempt=job.attempt)
        return (
            await self.batch.cancel_children(input_)
            if job.child_count
            else await self.cleanup.clean_up_search(input_)
        )

    async def fail(self, job_id: str, error: str) -> StepResult:
        """Fail the job with the error of its orchestration; its clean-up comes next."""
        job = await self.jobs.get(job_id)
        input_ = ActivityInput(job_id, job.step + 1, error, job.attempt)
        return await self.crash_recorder.fail_without_orchestration(input_)

    async def clean_up(self, job: Job) -> CleanupResult:
        """Try once more to clean up a job that has ended; its row does not change."""
        return (
            await self.batch.clean_up(job) if job.child_count else await self.cleanup.clean_up(job)
        )
