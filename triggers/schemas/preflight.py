"""Response models of databases, clusters and the pre-flight."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from triggers.schemas.common import FaultView, ResponseModel

PowerState = Literal["Running", "Stopped"]
CheckStatus = Literal["pass", "fail", "warn", "skip"]
Severity = Literal["critical", "warning"]
CheckId = Literal[
    "fasta_format",
    "blast_db",
    "aks_cluster",
    "storage_containers",
    "terminal_sidecar",
    "search_options",
    "active_searches",
]


class CopyStatus(ResponseModel):
    """Whether all files of a database are in the container."""

    phase: Literal["completed", "partial"] = Field(description="`partial`: files are missing")


class DatabaseView(ResponseModel):
    """A database; fields that its metadata lacks are omitted."""

    name: str
    container: str
    prefix: str = Field(description="`db` accepts the path `container/prefix/name`")
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
    """The databases in the container `blast-db`."""

    databases: list[DatabaseView]


class ClusterView(ResponseModel):
    """A cluster, with the default number and size of a search's nodes."""

    name: str
    resource_group: str
    region: str
    power_state: PowerState = Field(description="`Stopped` also if its API server does not answer")
    provisioning_state: Literal["Succeeded"]
    node_count: int
    node_sku: str


class Clusters(ResponseModel):
    """The configured clusters that exist."""

    clusters: list[ClusterView]


class Updates(ResponseModel):
    """The latest available version of the databases; null if unknown."""

    latest_version: str | None


class Check(ResponseModel):
    """The result of one pre-flight check."""

    id: CheckId
    status: CheckStatus
    title: str
    detail: str | None = None
    action: str | None = None
    severity: Severity | None = None


class PreFlight(ResponseModel):
    """Whether the search could run; `critical_blockers` is the number of failed checks."""

    ready: bool
    checks: list[Check]
    critical_blockers: int
    summary: str
    faults: list[FaultView] | None = Field(
        None, description="The faults for which a submission would be refused; omitted if none"
    )
    warnings: list[str] | None = Field(
        None, description="What a submission would accept, and ignore or change; omitted if nothing"
    )
