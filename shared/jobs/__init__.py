"""The state of jobs: one row a job, one row an event, and an index that finds them."""

from shared.jobs.index import Index, Page
from shared.jobs.repository import JobStateRepository
from shared.jobs.submit_queue import Place

__all__ = ["Index", "JobStateRepository", "Page", "Place"]
