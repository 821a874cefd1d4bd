"""Values that the orchestrator and its activities exchange; every durable name is defined here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.contracts.states import Phase
from shared.util.durations import RetryPolicy

ORCHESTRATOR = "blast_job"
BATCH_ORCHESTRATOR = "blast_batch"
"""The same orchestrator under another name, so that operators tell a batch from a search."""
WAKE_EVENT = "wake"
"""The event that ends an orchestration's sleep. What changed is in the job's row."""


class ActivityName(StrEnum):
    """The names that activities are registered under."""

    PREPARE_SEARCH = "prepare_search"
    SUBMIT_SEARCH = "submit_search"
    OBSERVE_SEARCH = "observe_search"
    COLLECT_RESULTS = "collect_results"
    PLAN_INDEX = "plan_index"
    INDEX_HITS = "index_hits"
    CLEAN_UP_SEARCH = "clean_up_search"
    RECORD_CRASH = "record_crash"
    START_CHILDREN = "start_children"
    CREATE_CHILDREN = "create_children"
    OBSERVE_CHILDREN = "observe_children"
    CANCEL_CHILDREN = "cancel_children"


BATCH_ACTIVITIES = frozenset(
    {
        ActivityName.START_CHILDREN,
        ActivityName.CREATE_CHILDREN,
        ActivityName.OBSERVE_CHILDREN,
        ActivityName.CANCEL_CHILDREN,
    }
)
"""The activities of a batch of searches."""


class Stage(StrEnum):
    """A stage of a job's workflow. What follows each is in blast_orchestrator/workflow.py."""

    PREPARE = "prepare"
    SUBMIT = "submit"
    WATCH = "watch"
    COLLECT = "collect"
    INDEX = "index"
    CLEAN_UP = "clean_up"
    START_CHILDREN = "start_children"
    WATCH_CHILDREN = "watch_children"
    CLEAN_UP_CHILDREN = "clean_up_children"


class Category(StrEnum):
    """Why something is tried again; each category has a retry policy of its own."""

    TRANSIENT = "transient"
    CAPACITY = "capacity"
    CONFLICT = "conflict"
    SUBMIT_SLOT = "submit_slot"
    """Another search is being submitted to the same cluster."""
    CONFIGURATION = "configuration"
    """An operator must act: a token or a role is refused."""
    UNKNOWN = "unknown"
    CRASH = "crash"


@dataclass(frozen=True)
class Chunk:
    """A range of a batch's searches, or a search's files, by their numbers, with both ends."""

    first: int
    last: int


@dataclass(frozen=True)
class Decision:
    """What follows a step, by blast_orchestrator/workflow.py; the job's row keeps the last one."""

    next_stage: Stage | None
    """None once the job has ended."""
    delay: timedelta = timedelta(0)
    """The wait before the next stage's activity."""
    retry_counts: Mapping[Category, int] = field(default_factory=dict)
    """How often each category was the outcome since a stage was done."""
    not_before: datetime | None = None
    """The earliest time of the next try, where the step is tried again: a wake is no try."""
    fan_out: tuple[Chunk, ...] = ()
    """The chunks that are worked on side by side before the next step."""


@dataclass(frozen=True)
class SearchState:
    """The input of an orchestration, and its state from one generation to the next."""

    job_id: str
    crash_retry: RetryPolicy
    """The waits after crashes of an activity. Fixed at the start, as history is replayed."""
    attempt: int = 1
    stage: Stage = Stage.PREPARE
    step: int = 1
    """The number of the next step: where a lost orchestration is replaced, one more than the row's.
    """
    crashes: int = 0
    """How often in a row the activity has crashed."""
    crash: str | None = None
    """The text of the last crash."""
    fan_out: tuple[Chunk, ...] = ()
    """Chunks to work on before the next step."""
    trace_parent: str | None = None
    """The W3C `traceparent` of the request, which its activities continue."""


@dataclass(frozen=True)
class ActivityInput:
    """The input of an activity. Running the same step twice does its work once."""

    job_id: str
    step: int
    crash: str | None = None
    """The text of the crash of the activity before; only for record_crash."""
    attempt: int = 1
    """A step of an attempt that is over does nothing."""
    chunk: Chunk | None = None
    """The searches to create, or the files to index; only for create_children and index_hits."""
    trace_parent: str | None = None
    """The W3C `traceparent` of the request that the activity works for."""


@dataclass(frozen=True)
class StepResult:
    """What an activity returns to the orchestrator: the job's phase, and the step that follows."""

    phase: Phase
    next_stage: Stage | None
    """None once the job has ended."""
    next_step: int = 0
    delay: timedelta = timedelta(0)
    custom_status: Mapping[str, Any] = field(default_factory=dict)
    """A few counts and codes for the orchestration's custom status; well under 1 KB."""
    fan_out: tuple[Chunk, ...] = ()


@dataclass(frozen=True)
class ChunkResult:
    """What an activity returns for a chunk. Trouble is a value, as task_all fails at an error."""

    code: str | None = None
    """The code of a counterpart that did not answer; the chunk is to be tried again."""
    delay: timedelta = timedelta(0)
    """The wait before that."""
    crash: str | None = None
    """The text of a crash; the chunk is to be tried again."""

    @property
    def is_done(self) -> bool:
        """Whether the chunk needs no other try."""
        return self.code is None and self.crash is None


@dataclass(frozen=True)
class CleanupResult:
    """The result of one try to clean up a job: `proof` that nothing is left, or the reason."""

    proof: str | None
    reason: str = ""
    retry_after: timedelta | None = None
    """The wait that the counterpart requested."""
    is_reachable: bool = True
    """Whether the cluster and the sidecar answered."""
