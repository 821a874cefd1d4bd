"""The job store: job rows, their events and outbox, and the index that finds jobs."""

from shared.jobs.index import Index, JobPage
from shared.jobs.repository import JobStateRepository, StepRecord
from shared.jobs.submit_queue import QueueEntry

__all__ = ["Index", "JobPage", "JobStateRepository", "QueueEntry", "StepRecord"]
