"""What an activity reports of a step. It names no stage: blast_orchestrator/workflow.py decides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto

from shared.contracts.activities import Category, Chunk
from shared.contracts.job import JobChanges
from shared.contracts.states import Phase

RETRY_EVENT, SUBMITTED_EVENT = "retry_scheduled", "submitted"
"""The events of a failed try, and of a search that landed on its cluster."""


class OutcomeKind(Enum):
    """How a step ended."""

    DONE = auto()
    """The stage has done its work."""
    PENDING = auto()
    """The stage goes on after a delay."""
    RETRY = auto()
    """The stage's work failed, and is tried again as the retry policy of its category says."""
    STOP = auto()
    """The job is cleaned up: for a cancel, its deadline, or a failure."""
    ENDED = auto()
    """The job has ended, or the step is one of an attempt that is over."""


@dataclass(frozen=True)
class Outcome:
    """The facts of one step, and what to record of them in the job's row and history."""

    kind: OutcomeKind
    phase: Phase
    """The job's phase after this step."""
    delay: timedelta = timedelta(0)
    """The wait before the next step; of RETRY the policy decides."""
    category: Category | None = None
    is_running: bool = False
    """Whether the counterpart confirmed that the stage's work runs: earlier faults have passed."""
    retry_after: timedelta | None = None
    """The wait that the counterpart requested; it can lengthen the policy's."""
    longest: timedelta | None = None
    """The longest wait before the next step, whatever a policy or the counterpart says."""
    code: str | None = None
    message: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    """A few counts for the orchestration's custom status."""
    event: str | None = None
    """The name of the event to record; None where nothing is new. Of RETRY it is set by the step
    runner, which knows the delay."""
    payload: Mapping[str, object] = field(default_factory=dict)
    changes: JobChanges = field(default_factory=JobChanges)
    """Other fields of the job's row that change."""
    fan_out: tuple[Chunk, ...] = ()
    """Chunks of a batch to create before the next step."""
