"""Where a job is: one enum, the status of each phase, and the table of allowed transitions."""

from enum import StrEnum


class Status(StrEnum):
    """The coarse state, which lists filter by."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DELETED = "deleted"
    """A tombstone, which nobody is shown."""

    @property
    def is_end(self) -> bool:
        """Whether a job of this status has ended."""
        return self not in (Status.QUEUED, Status.RUNNING)


class LeftOnCluster(StrEnum):
    """Whether something of a job that has ended may still run on a cluster and cost money."""

    NONE = "none"
    UNKNOWN = "unknown"
    """It could not be proven that nothing is left."""


class Phase(StrEnum):
    """The exact state, in the words that the dashboard knows."""

    QUEUED = "queued"
    SUBMITTING = "submitting"
    RETRYING = "retrying"
    WAITING_FOR_SUBMIT_SLOT = "waiting_for_submit_slot"
    WAITING_FOR_CAPACITY = "waiting_for_capacity"
    SUBMITTED = "submitted"
    RUNNING = "running"
    EXPORTING_RESULTS = "exporting_results"
    RESULTS_PENDING = "results_pending"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    CONFIG_INVALID = "config_invalid"
    SUBMIT_FAILED = "submit_failed"
    DATABASE_UNAVAILABLE = "database_unavailable"
    SEARCH_FAILED = "search_failed"
    RESULTS_MISSING = "results_missing"
    TIMED_OUT = "timed_out"
    DELETED = "deleted"

    @property
    def status(self) -> Status:
        """The status that a job in this phase has."""
        return _STATUS.get(self, Status.FAILED if self in _FAILURES else Status.RUNNING)

    @property
    def is_end(self) -> bool:
        """Whether the job has ended. An end never changes, except that it can be deleted."""
        return self.status.is_end

    @property
    def is_failure(self) -> bool:
        """Whether the job has failed."""
        return self in _FAILURES

    def can_become(self, later: "Phase") -> bool:
        """Whether the table below allows this transition. Staying is one, except at an end."""
        return later in _TRANSITIONS.get(self, frozenset())


_STATUS = {
    Phase.QUEUED: Status.QUEUED,
    Phase.COMPLETED: Status.COMPLETED,
    Phase.CANCELLED: Status.CANCELLED,
    Phase.DELETED: Status.DELETED,
}

_REFUSALS = frozenset({Phase.CONFIG_INVALID, Phase.SUBMIT_FAILED, Phase.DATABASE_UNAVAILABLE})
_FAILURES = _REFUSALS | {Phase.SEARCH_FAILED, Phase.RESULTS_MISSING, Phase.TIMED_OUT}

_WAITING = frozenset({Phase.WAITING_FOR_SUBMIT_SLOT, Phase.WAITING_FOR_CAPACITY})
_TO_SUBMIT = frozenset({Phase.SUBMITTING, Phase.RETRYING}) | _WAITING
_LANDED = frozenset({Phase.SUBMITTED, Phase.RUNNING, Phase.EXPORTING_RESULTS})
_COLLECTING = frozenset({Phase.EXPORTING_RESULTS, Phase.RESULTS_PENDING})
_STOPPED = frozenset({Phase.CANCELLING, Phase.SEARCH_FAILED})

_UNTIL_LANDED = _TO_SUBMIT | _LANDED | _REFUSALS | _STOPPED
_UNTIL_COLLECTED = _COLLECTING | _STOPPED | {Phase.COMPLETED, Phase.RESULTS_MISSING}

_TRANSITIONS = {
    Phase.QUEUED: _UNTIL_LANDED,
    Phase.SUBMITTING: _UNTIL_LANDED,
    Phase.RETRYING: _UNTIL_LANDED,
    Phase.WAITING_FOR_SUBMIT_SLOT: _UNTIL_LANDED,
    Phase.WAITING_FOR_CAPACITY: _UNTIL_LANDED,
    Phase.SUBMITTED: _LANDED | _STOPPED,
    Phase.RUNNING: _STOPPED | {Phase.RUNNING, Phase.EXPORTING_RESULTS},
    Phase.EXPORTING_RESULTS: _UNTIL_COLLECTED,
    Phase.RESULTS_PENDING: _UNTIL_COLLECTED,
    # What was stopped, by a person or by a verdict, is cleared away first and then ends.
    Phase.CANCELLING: frozenset({Phase.CANCELLING, Phase.CANCELLED}) | _FAILURES,
}
