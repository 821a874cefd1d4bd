"""The state of jobs: one row a job, one row an event, and an index for lists."""

from shared.jobs.repository import JobStateRepository, Page

__all__ = ["JobStateRepository", "Page"]
