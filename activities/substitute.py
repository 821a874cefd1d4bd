"""What upkeep does itself for a job: its orchestration cannot run, or the job has ended."""

from dataclasses import dataclass

from activities.batch import BatchActivities
from activities.cleanup import Cleanup
from activities.crash import CrashRecorder
from shared.contracts.activities import ActivityInput, CleanupResult, Decision
from shared.contracts.job import Job
from shared.jobs import JobStateRepository


@dataclass(frozen=True)
class Substitute:
    """Takes the steps that end a job. All may be repeated, and run beside an orchestration."""

    jobs: JobStateRepository
    cancelling: Cleanup
    batch: BatchActivities
    record: CrashRecorder

    def stop(self, job_id: str) -> Decision:
        """Take the next step that stops the job."""
        job = self.jobs.get(job_id)
        input_ = ActivityInput(job_id, job.step + 1, attempt=job.attempt)
        return (
            self.batch.cancel_children(input_)
            if job.child_count
            else self.cancelling.clean_up_search(input_)
        )

    def fail(self, job_id: str, error: str) -> Decision:
        """Let the job fail with what its orchestration fails with; its clean-up comes next."""
        job = self.jobs.get(job_id)
        input_ = ActivityInput(job_id, job.step + 1, error, job.attempt)
        return self.record.fail_without_orchestration(input_)

    def clean_up(self, job: Job) -> CleanupResult:
        """Try once more to clean up a job that has ended, without a change of its row."""
        return self.batch.clean_up(job) if job.child_count else self.cancelling.clean_up(job)
