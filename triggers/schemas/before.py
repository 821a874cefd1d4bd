"""Answers before a search: databases, and what it needs."""

from datetime import datetime
from typing import Literal

from triggers.schemas.common import Answer


class DatabaseShown(Answer):
    """A database; what its metadata does not say is left out."""

    name: str
    title: str | None = None
    type: Literal["nucl", "prot"]
    size_bytes: int | None = None
    sequences: int | None = None
    letters: int | None = None
    updated_at: datetime | None = None
    ready: bool


class Databases(Answer):
    """What lies in the container `blast-db`."""

    databases: list[DatabaseShown]


class Updates(Answer):
    """The latest version that there is; null where it is not known."""

    latest_version: str | None


class Check(Answer):
    """One thing that a search needs."""

    id: Literal["fasta_format", "blast_db", "aks_cluster", "storage_containers", "terminal_sidecar"]
    status: Literal["pass", "fail", "warn", "skip"]
    title: str
    detail: str | None = None
    action: str | None = None
    severity: Literal["critical", "warning"] | None = None


class PreFlight(Answer):
    """Whether a search could run; `critical_blockers` counts the checks that failed."""

    ready: bool
    checks: list[Check]
    critical_blockers: int
    summary: str
