"""Parts of the response models of jobs."""

from typing import Literal

from pydantic import Field

from shared.contracts.states import Phase
from triggers.schemas.common import Id, ResponseModel

JobStatus = Literal["queued", "running", "completed", "failed", "cancelled"]
ShownPhase = Phase | Literal["failed"]
"""A phase in a word that every generation of the dashboard knows."""
FailureCategory = Literal[
    "transient_infra",
    "capacity",
    "database_wait",
    "runtime",
    "cluster_state",
    "permanent",
    "unknown",
]
"""The dashboard's categories of failures."""


class SplitChild(ResponseModel):
    """A search of a batch."""

    job_id: str = Id
    status: JobStatus
    phase: ShownPhase
    query_file: str | None = Field(None, description="The name of its query")


class SplitChildren(ResponseModel):
    """The searches of a batch, as the dashboard lists them."""

    child_count: int
    children_by_status: dict[str, int]
    children: list[SplitChild] | None = Field(
        None, description="The first ones, in order; not in lists"
    )


class FailureClassification(ResponseModel):
    """A failure in the dashboard's words."""

    category: FailureCategory
    auto_retryable: bool = Field(description="Whether a retry can succeed; none is automatic")
    reason: str


class DatabaseMetadata(ResponseModel):
    """What the database's own files say of it; fields that they lack are omitted."""

    name: str
    database: str
    title: str | None = None
    molecule_type: Literal["mixed DNA", "protein"]
    update_date: str | None = None
    number_of_sequences: int | None = None
    number_of_letters: int | None = None


class ConfigSnapshot(ResponseModel):
    """Requested options and node size; null if BLAST+'s default applies."""

    evalue: float | str | None = Field(description="Text if a JSON number cannot represent it")
    max_target_seqs: int | None
    outfmt: int | str | None = Field(description="A number, or text if columns follow the number")
    machine_type: str
    num_nodes: int


class Infrastructure(ResponseModel):
    """The Azure resources that run a search."""

    subscription_id: str
    resource_group: str
    region: str
    storage_account: str
    cluster_name: str


class Children(ResponseModel):
    """Number of a batch's searches by status."""

    total: int
    queued: int
    running: int
    completed: int
    failed: int
    cancelled: int
    deleted: int = Field(description="Deleted by their owner, or removed after the retention time")
