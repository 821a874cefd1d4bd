"""What upkeep does itself for a job: its orchestration cannot run, or the job has ended."""

from dataclasses import dataclass

from activities.batch import Batch
from activities.cleanup import Cancelling
from activities.crash import Record
from shared.contracts.activities import CleanupResult, Order, Report
from shared.contracts.job import Job
from shared.jobs import JobStateRepository


@dataclass(frozen=True)
class Substitute:
    """Takes the steps that end a job. All may be repeated, and run beside an orchestration."""

    jobs: JobStateRepository
    cancelling: Cancelling
    batch: Batch
    record: Record

    def stop(self, job_id: str) -> Report:
        """Take the next step that stops the job."""
        job = self.jobs.get(job_id)
        order = Order(job_id, job.step + 1, attempt=job.attempt)
        return self.batch.stop(order) if job.children else self.cancelling.cancel(order)

    def fail(self, job_id: str, error: str) -> Report:
        """Let the job fail with what its orchestration fails with; its clean-up comes next."""
        job = self.jobs.get(job_id)
        order = Order(job_id, job.step + 1, error, job.attempt)
        return self.record.fail_without_orchestration(order)

    def clean_up(self, job: Job) -> CleanupResult:
        """Try once more to clean up a job that has ended, without a change of its row."""
        return self.batch.clean_up(job) if job.children else self.cancelling.clean_up(job)
