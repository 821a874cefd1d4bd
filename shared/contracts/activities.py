"""The words between the orchestrator and its activities: every durable name is spelled here."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from shared.contracts.states import Phase
from shared.util.durations import RetryPolicy

ORCHESTRATOR = "blast_job"
BATCH_ORCHESTRATOR = "blast_batch"
"""The same story under another name: so that operators tell a batch of searches from a search."""
WAKE_EVENT = "wake"


class ActivityName(StrEnum):
    """What an activity does. The value is the name it is registered under."""

    PREPARE_SEARCH = "prepare_search"
    SUBMIT_SEARCH = "submit_search"
    OBSERVE_SEARCH = "observe_search"
    COLLECT_RESULTS = "collect_results"
    CLEAN_UP_SEARCH = "clean_up_search"
    RECORD_CRASH = "record_crash"
    START_CHILDREN = "start_children"
    OBSERVE_CHILDREN = "observe_children"
    CANCEL_CHILDREN = "cancel_children"


BATCH_ACTIVITIES = frozenset(
    {ActivityName.START_CHILDREN, ActivityName.OBSERVE_CHILDREN, ActivityName.CANCEL_CHILDREN}
)
"""The verbs of a batch of searches."""


class Category(StrEnum):
    """Why something is tried again; each has retry options of its own."""

    TRANSIENT = "transient"
    CAPACITY = "capacity"
    CONFLICT = "conflict"
    SUBMIT_SLOT = "submit_slot"
    CONFIGURATION = "configuration"
    """An operator must act: a token or a role is refused."""
    UNKNOWN = "unknown"
    CRASH = "crash"


@dataclass(frozen=True)
class SearchState:
    """What the orchestration of a job is started with."""

    job_id: str
    crash_retry: RetryPolicy
    attempt: int = 1
    verb: ActivityName = ActivityName.PREPARE_SEARCH
    """The step to begin with, and its number: those of the row, where a lost one is replaced."""
    step: int = 1
    hears_again: bool = True
    """That a life which was woken ends, so that the next can be woken: of all that start today."""


@dataclass(frozen=True)
class ActivityInput:
    """What an activity is given. The same step given twice must do its work once."""

    job_id: str
    step: int
    crash: str | None = None
    """What the activity before this one died of; only for Verb.FAIL."""
    attempt: int = 1
    """An order of an attempt that is over does nothing."""


@dataclass(frozen=True)
class CleanupResult:
    """What one try to clean up a job showed: `proof` that nothing is left, or why there is none."""

    proof: str | None
    reason: str = ""
    retry_after: timedelta | None = None
    """The wait that the counterpart asked for."""
    is_reachable: bool = True
    """Whether the cluster and the sidecar could be asked."""


@dataclass(frozen=True)
class Decision:
    """What an activity answers: where the job is, what is to be done next, and after what wait."""

    phase: Phase
    next_stage: ActivityName | None
    """None once the job has ended."""
    delay: timedelta = timedelta(0)
    custom_status: dict[str, Any] = field(default_factory=dict)
    """A few counts and codes for the orchestration's custom status; well under 1 KB."""
