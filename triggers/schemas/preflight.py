"""Answers before a search: databases, and what it needs."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from triggers.schemas.common import ResponseModel


class CopyStatus(ResponseModel):
    """How far a database was copied into the container."""

    phase: Literal["completed", "partial"] = Field(description="`partial`: files are missing")


class DatabaseView(ResponseModel):
    """A database; what its metadata does not say is left out."""

    name: str
    container: str
    prefix: str = Field(description="`container/prefix/name` is a path that `db` takes")
    title: str | None = None
    type: Literal["nucl", "prot"]
    file_count: int
    size_bytes: int
    total_bytes: int
    sequences: int | None = None
    total_sequences: int | None = None
    letters: int | None = None
    total_letters: int | None = None
    updated_at: datetime | None = None
    ready: bool
    copy_status: CopyStatus


class Databases(ResponseModel):
    """What lies in the container `blast-db`."""

    databases: list[DatabaseView]


class ClusterShown(ResponseModel):
    """A cluster, with the number and size of nodes that a search is given by default."""

    name: str
    resource_group: str
    region: str
    power_state: Literal["Running", "Stopped"] = Field(
        description="`Stopped` also where its API server does not answer"
    )
    provisioning_state: Literal["Succeeded"]
    node_count: int
    node_sku: str


class Clusters(ResponseModel):
    """The clusters that are configured and exist."""

    clusters: list[ClusterShown]


class Updates(ResponseModel):
    """The latest version that there is; null where it is not known."""

    latest_version: str | None


class Check(ResponseModel):
    """One thing that a search needs."""

    id: Literal[
        "fasta_format",
        "blast_db",
        "aks_cluster",
        "storage_containers",
        "terminal_sidecar",
        "search_options",
        "active_searches",
    ]
    status: Literal["pass", "fail", "warn", "skip"]
    title: str
    detail: str | None = None
    action: str | None = None
    severity: Literal["critical", "warning"] | None = None


class PreFlight(ResponseModel):
    """Whether a search could run; `critical_blockers` counts the checks that failed."""

    ready: bool
    checks: list[Check]
    critical_blockers: int
    summary: str
