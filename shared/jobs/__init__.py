"""The state of jobs: one row a job, one row an event, and an index that finds them."""

from shared.jobs.index import Index, JobPage
from shared.jobs.repository import JobStateRepository
from shared.jobs.submit_queue import QueueEntry
from shared.jobs.transitions import StepRecord

__all__ = ["Index", "JobPage", "JobStateRepository", "QueueEntry", "StepRecord"]
