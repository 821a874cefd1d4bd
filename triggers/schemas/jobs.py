"""Response models of jobs."""

from typing import Any, Literal

from pydantic import Field

from shared.contracts.search import Program
from shared.contracts.states import LeftOnCluster, Phase
from triggers.schemas.common import Id, Meta, ResponseModel, Timestamp
from triggers.schemas.job_parts import (
    Children,
    ConfigSnapshot,
    DatabaseMetadata,
    FailureClassification,
    Infrastructure,
    JobStatus,
    ShownPhase,
    SplitChildren,
)

StepStatus = Literal["running", "completed", "failed", "cancelled"]
Runtime = Literal["Pending", "Running", "Completed", "Failed", "Terminated", "Canceled"]


class Accepted(ResponseModel):
    """The accepted job; `id`, `instance_id` and `task_id` repeat `job_id` for older clients."""

    job_id: str = Id
    id: str = Id
    instance_id: str = Id
    task_id: str = Id
    status: Literal["queued"]
    phase: Literal["queued"]
    statusQueryGetUri: str
    operation_status_url: str
    created_at: Timestamp
    meta: Meta


class Step(ResponseModel):
    """A step that has started; it has `completed_at` once it is over."""

    started_at: Timestamp
    completed_at: Timestamp | None = None
    status: StepStatus
    success: bool | None = None
    output: str | None = Field(None, description="The result of the step, as a sentence")
    facts: dict[str, Any] | None = Field(None, description="The same result, as values")
    error: str | None = None


class Steps(ResponseModel):
    """The steps that have started, by name."""

    steps: dict[str, Step]


class CustomStatus(Steps):
    """The phase of a job and its steps."""

    phase: ShownPhase
    exact_phase: Phase
    job_id: str = Id


class Output(ResponseModel):
    """The result of an ended job."""

    job_id: str = Id
    status: JobStatus
    phase: ShownPhase
    exact_phase: Phase
    error: str | None
    results_prefix: str | None = Field(description="Null for a batch: its searches have results")


class Summary(ResponseModel):
    """A job in a list; fields without a value are omitted."""

    job_id: str = Id
    instance_id: str = Id
    job_title: str
    program: Program
    db: str
    status: JobStatus
    phase: ShownPhase = Field(description="A word that every dashboard knows: `failed` for most")
    exact_phase: Phase = Field(description="The phase itself, such as `timed_out`")
    created_at: Timestamp
    updated_at: Timestamp
    started_at: Timestamp | None = None
    finished_at: Timestamp | None = None
    runtime_status: Runtime
    error: str | None = None
    error_code: str | None = None
    reason: str | None = Field(None, description="Why the job does not progress, as a sentence")
    left_on_cluster: LeftOnCluster | None = Field(
        None,
        description=(
            "`unknown` if Jobs or pods of an ended attempt may still run; `none` only for failed"
            " and cancelled jobs"
        ),
    )
    other_cluster: str | None = Field(
        None,
        description=(
            "The cluster that elastic-blast used instead of the requested one: the app looks at"
            " nothing there, so that an operator must delete what runs there"
        ),
    )
    failure_classification: FailureClassification | None = Field(
        None, description="Failed jobs only"
    )
    query_label: str | None = Field(
        None, description="The name of the first sequence, or of the file if the query is one"
    )
    config_snapshot: ConfigSnapshot
    infrastructure: Infrastructure
    owner_upn: str
    splits_total: int
    splits_done: int
    splits_failed: int
    results_prefix: str | None = None
    delete_requested_at: Timestamp | None = Field(
        None, description="The job is deleted as soon as nothing of it is left on the cluster"
    )
    parent_job_id: str | None = Field(None, description="The batch of this search")
    child_number: int | None = Field(None, description="The search's position in its batch, from 1")
    split_children: SplitChildren | None = Field(None, description="Batches only")
    submission_source: str
    external_correlation_id: str | None = None


class EventView(ResponseModel):
    """An event of a job's history; ids are consecutive numbers."""

    id: str
    job_id: str = Id
    event: str
    phase: Phase
    status: JobStatus
    timestamp: Timestamp
    payload: dict[str, Any]


class Detail(Summary):
    """A job with its steps, its result and, on request, its history."""

    payload: dict[str, Any] | None = Field(
        None,
        description=(
            "The search as a request: sent again, it is the same search. The query is named by"
            " `query_file`. A batch has none"
        ),
    )
    database_metadata: DatabaseMetadata | None = Field(
        None, description="Omitted where the database is not in the container"
    )
    custom_status: CustomStatus
    output: Output | None
    children: Children | None = Field(None, description="Batches only")
    history: list[EventView] | None = None


class Paging(ResponseModel):
    """Size and cursor of a page; jobs added later do not shift pages."""

    limit: int
    returned: int
    has_more: bool
    next_cursor: str | None = None


class Jobs(ResponseModel):
    """A page of jobs."""

    jobs: list[Summary]
    page: Paging
    meta: Meta


class Events(ResponseModel):
    """Events of a job, oldest first; at most 1000 per response."""

    job_id: str = Id
    events: list[EventView]


class Execution(ResponseModel):
    """The steps of a job."""

    schema_version: Literal[1]
    job_id: str = Id
    status: JobStatus
    phase: ShownPhase
    exact_phase: Phase
    created_at: Timestamp
    updated_at: Timestamp
    custom_status: Steps
    output: Steps


class RuntimeStatus(ResponseModel):
    """A job in the form of a Durable Functions orchestration status, for the oldest clients."""

    instance_id: str = Id
    runtime_status: Runtime
    custom_status: CustomStatus
    created_time: Timestamp
    last_updated_time: Timestamp
    output: Output | None


class Cancelling(ResponseModel):
    """`cancelled` once no Job or pod of the search is left, before that `cancelling`."""

    job_id: str = Id
    task_id: str = Id
    status: Literal["cancelling", "cancelled"]


class RetryAccepted(ResponseModel):
    """The same job, queued for its next attempt."""

    job_id: str = Id
    task_id: str = Id
    status: Literal["queued"]


class Deleted(ResponseModel):
    """`deleted`: no operation returns it any more. Until it is proven to have stopped: 202."""

    job_id: str = Id
    status: Literal["deleted", "cancelling"]
