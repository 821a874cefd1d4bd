"""Answers about jobs."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from shared.contracts.search import Program
from shared.contracts.states import LeftOnCluster, Phase
from triggers.schemas.common import Id, Meta, ResponseModel

JobStatus = Literal["queued", "running", "completed", "failed", "cancelled"]
Runtime = Literal["Pending", "Running", "Completed", "Failed", "Terminated", "Canceled"]


class Accepted(ResponseModel):
    """A search that will be run, once."""

    job_id: str = Id
    id: str = Id
    instance_id: str = Id
    task_id: str = Id
    status: Literal["queued"]
    phase: Literal["queued"]
    statusQueryGetUri: str
    operation_status_url: str
    created_at: datetime
    meta: Meta


class Step(ResponseModel):
    """A step that has begun; over, once it has `completed_at`."""

    started_at: datetime
    completed_at: datetime | None = None
    status: Literal["running", "completed", "failed", "cancelled"]
    success: bool | None = None
    output: str | None = Field(None, description="What the step came to, in words")
    facts: dict[str, Any] | None = Field(None, description="The same, for programs")
    error: str | None = None


class Steps(ResponseModel):
    """The steps by their names, of which those are left out that have not begun."""

    steps: dict[str, Step]


class CustomStatus(Steps):
    """Where a job is, and how it came there."""

    phase: Phase
    job_id: str = Id


class Output(ResponseModel):
    """What a job came to."""

    job_id: str = Id
    status: JobStatus
    phase: Phase
    error: str | None
    results_prefix: str | None = Field(description="Null for a batch: each search has its own")


class ConfigSnapshot(ResponseModel):
    """The options and the size that were asked for; nulls where it was left to BLAST+."""

    evalue: float | str | None = Field(description="As text where no float holds it")
    max_target_seqs: int | None
    outfmt: int | str | None = Field(description="A number alone, or text: a number and columns")
    machine_type: str
    num_nodes: int


class Infrastructure(ResponseModel):
    """Where a search runs."""

    subscription_id: str
    resource_group: str
    region: str
    storage_account: str
    cluster_name: str


class Summary(ResponseModel):
    """A job in a list. What has no value is left out."""

    job_id: str = Id
    instance_id: str = Id
    job_title: str
    program: Program
    db: str
    status: JobStatus
    phase: Phase
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    runtime_status: Runtime
    error: str | None = None
    error_code: str | None = None
    reason: str | None = Field(None, description="Why nothing moves, in words")
    left_on_cluster: LeftOnCluster | None = Field(
        None, description="Of a failed or cancelled job: whether something of it may still run"
    )
    config_snapshot: ConfigSnapshot
    infrastructure: Infrastructure
    owner_upn: str
    splits_total: int
    splits_done: int
    splits_failed: int
    results_prefix: str | None = None
    parent_job_id: str | None = Field(None, description="The batch that it is a search of")
    child_number: int | None = Field(None, description="Its place in that batch, from 1")
    submission_source: str
    external_correlation_id: str | None = None


class EventView(ResponseModel):
    """An entry of a job's history. Its id is a number that rises by one."""

    id: str
    job_id: str = Id
    event: str
    phase: Phase
    status: JobStatus
    timestamp: datetime
    payload: dict[str, Any]


class Children(ResponseModel):
    """How many of a batch's searches are where."""

    total: int
    queued: int
    running: int
    completed: int
    failed: int
    cancelled: int
    deleted: int


class Detail(Summary):
    """A job alone."""

    custom_status: CustomStatus
    output: Output | None
    children: Children | None = Field(None, description="Of a batch alone")
    history: list[EventView] | None = None


class Paging(ResponseModel):
    """Where a page stands. Jobs that are added meanwhile shift nothing."""

    limit: int
    returned: int
    has_more: bool
    next_cursor: str | None = None


class Jobs(ResponseModel):
    """A page of jobs, in the order of their list."""

    jobs: list[Summary]
    page: Paging
    meta: Meta


class Events(ResponseModel):
    """Some of a job's history, oldest first; at most 1000 at once."""

    job_id: str = Id
    events: list[EventView]


class Execution(ResponseModel):
    """How far a job came."""

    schema_version: Literal[1]
    job_id: str = Id
    status: JobStatus
    phase: Phase
    created_at: datetime
    updated_at: datetime
    custom_status: Steps
    output: Steps


class RuntimeStatus(ResponseModel):
    """A job as the oldest clients poll it, in the words of Durable Functions."""

    instance_id: str = Id
    runtime_status: Runtime
    custom_status: CustomStatus
    created_time: datetime
    last_updated_time: datetime
    output: Output | None


class Cancelling(ResponseModel):
    """`cancelled` is said only once nothing of the search is left."""

    job_id: str = Id
    task_id: str = Id
    status: Literal["cancelling", "cancelled"]


class QueuedAgain(ResponseModel):
    """The same job, in its next attempt."""

    job_id: str = Id
    task_id: str = Id
    status: Literal["queued"]


class Deleted(ResponseModel):
    """The job is shown no more."""

    job_id: str = Id
    status: Literal["deleted"]
