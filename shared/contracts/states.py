"""The states of a job: phases, the status of each phase, and the allowed transitions."""

from enum import StrEnum


class Status(StrEnum):
    """The coarse state. Job lists are filtered by it."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DELETED = "deleted"
    """A tombstone. The API never returns it."""

    @property
    def is_end(self) -> bool:
        """Whether the job has ended."""
        return self not in (Status.QUEUED, Status.RUNNING)


class LeftOnCluster(StrEnum):
    """Whether objects of attempts that have ended may still run on a cluster and cost money."""

    NONE = "none"
    UNKNOWN = "unknown"
    """No list of the cluster has yet proven that nothing is left."""


class Phase(StrEnum):
    """The exact state. The values are those that the dashboard knows."""

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
        """The status of a job in this phase."""
        return _STATUS.get(self, Status.FAILED if self in _FAILURES else Status.RUNNING)

    @property
    def is_end(self) -> bool:
        """Whether the job has ended. A terminal phase never changes, except to DELETED."""
        return self.status.is_end

    @property
    def is_failure(self) -> bool:
        """Whether the job has failed."""
        return self in _FAILURES

    @property
    def is_before_submission(self) -> bool:
        """Whether a job in this phase is waiting for its submission, or being submitted."""
        return self is Phase.QUEUED or self in _BEFORE_SUBMITTED

    def can_become(self, later: "Phase") -> bool:
        """Whether `_TRANSITIONS` allows it. A phase that is not terminal may follow itself."""
        return later in _TRANSITIONS.get(self, frozenset())


_STATUS = {
    Phase.QUEUED: Status.QUEUED,
    Phase.COMPLETED: Status.COMPLETED,
    Phase.CANCELLED: Status.CANCELLED,
    Phase.DELETED: Status.DELETED,
}

_REJECTED = frozenset({Phase.CONFIG_INVALID, Phase.SUBMIT_FAILED, Phase.DATABASE_UNAVAILABLE})
_FAILURES = _REJECTED | {Phase.SEARCH_FAILED, Phase.RESULTS_MISSING, Phase.TIMED_OUT}

_WAITING = frozenset({Phase.WAITING_FOR_SUBMIT_SLOT, Phase.WAITING_FOR_CAPACITY})
_BEFORE_SUBMITTED = frozenset({Phase.SUBMITTING, Phase.RETRYING}) | _WAITING
_ON_CLUSTER = frozenset({Phase.SUBMITTED, Phase.RUNNING, Phase.EXPORTING_RESULTS})
_COLLECTING = frozenset({Phase.EXPORTING_RESULTS, Phase.RESULTS_PENDING})
_FROM_BEFORE_SUBMITTED = _BEFORE_SUBMITTED | _ON_CLUSTER | {Phase.CANCELLING}
_FROM_COLLECTING = _COLLECTING | {Phase.CANCELLING, Phase.COMPLETED}

# A search fails only through CANCELLING, in which it is cleaned up. Two failures have nothing to
# clean up: of a job whose first step was never taken, and of a batch whose searches have all ended.
_NEVER_STARTED = frozenset({Phase.SUBMIT_FAILED})
_BATCH_FAILED = frozenset({Phase.SEARCH_FAILED})

_TRANSITIONS = {
    Phase.QUEUED: _FROM_BEFORE_SUBMITTED | _NEVER_STARTED | _BATCH_FAILED,
    Phase.SUBMITTING: _FROM_BEFORE_SUBMITTED | _BATCH_FAILED,
    Phase.RETRYING: _FROM_BEFORE_SUBMITTED,
    Phase.WAITING_FOR_SUBMIT_SLOT: _FROM_BEFORE_SUBMITTED,
    Phase.WAITING_FOR_CAPACITY: _FROM_BEFORE_SUBMITTED,
    Phase.SUBMITTED: _ON_CLUSTER | {Phase.CANCELLING},
    Phase.RUNNING: _BATCH_FAILED | {Phase.RUNNING, Phase.EXPORTING_RESULTS, Phase.CANCELLING},
    Phase.EXPORTING_RESULTS: _FROM_COLLECTING,
    Phase.RESULTS_PENDING: _FROM_COLLECTING,
    Phase.CANCELLING: frozenset({Phase.CANCELLING, Phase.CANCELLED}) | _FAILURES,
}
