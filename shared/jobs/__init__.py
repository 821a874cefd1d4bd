"""The state of jobs: one row a job, one row an event, and an index that finds them."""

from shared.jobs.index import Index, JobPage
from shared.jobs.repository import JobStateRepository, StepRecord
from shared.jobs.submit_queue import QueueEntry

__all__ = ["Index", "JobPage", "JobStateRepository", "QueueEntry", "StepRecord"]
