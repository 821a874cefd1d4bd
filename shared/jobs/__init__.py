"""The job store: job rows, their events and outbox, and the index that finds jobs."""

from shared.jobs.index import Index, JobPage
from shared.jobs.repository import JobStateRepository
from shared.jobs.submit_queue import QueueEntry
from shared.jobs.transitions import StepRecord, StoredJob

__all__ = ["Index", "JobPage", "JobStateRepository", "QueueEntry", "StepRecord", "StoredJob"]
