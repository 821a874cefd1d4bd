"""What the small world is made of: Jobs with their pods, processes, operations, and plans."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from shared.clients.kubernetes import ClusterJob, Pod
from shared.contracts.exec import Command, Finished

TTL = timedelta(seconds=1800)
"""How long a finished Job of a search stays."""
LINGER = timedelta(seconds=5)
"""How long a pod outlives the Job that was deleted."""
BATCH = timedelta(minutes=10)
"""How long a batch runs, unless a test says otherwise."""


class ProcessDied(Exception):
    """The process that runs an activity was killed."""


class CallLost(Exception):
    """A call to the outside got no answer; `sent` if it was done all the same."""

    def __init__(self, sent: bool) -> None:
        super().__init__("no answer came")
        self.sent = sent


class CallFault(StrEnum):
    """What can befall a call: nothing is done, or all is done and the answer is lost; the same
    with the death of the caller."""

    REFUSED = "refused"
    ANSWER_LOST = "answer lost"
    DIES_BEFORE = "dies before"
    DIES_AFTER = "dies after"


@dataclass
class KubeJob:
    """A Job and its one pod. Without `ends_at` it runs until the test ends it."""

    name: str
    app: str
    elb_job_id: str
    began: datetime
    ends_at: datetime | None = None
    ends_well: bool = True
    words: str | None = "BLAST engine error: it did not work"
    """What BLAST says where it does not end well; None: its pod is killed and says nothing."""
    message: str = "BackoffLimitExceeded: it has failed too often"
    """What Kubernetes says where it does not end well."""
    finished: datetime | None = None
    attempts: int = 0
    """How many of its pods have failed; Kubernetes tries again."""
    waiting: str | None = None
    """Why its pod does not run."""
    deleted: datetime | None = None
    spawns: bool = False
    """Whether its pod, before it goes, creates one more Job of the search."""

    @property
    def shown(self) -> ClusterJob:
        ended, well = self.finished is not None, self.ends_well
        return ClusterJob(
            name=self.name,
            app=self.app,
            complete=ended and well,
            failed=ended and not well,
            active=int(not ended),
            message="" if well or not ended else self.message,
            started_at=self.began.isoformat(),
            finished_at=self.finished.isoformat() if self.finished and well else None,
        )

    @property
    def pod(self) -> Pod:
        if self.finished:
            phase = "Succeeded" if self.ends_well else "Failed"
        else:
            phase = "Pending" if self.waiting else "Running"
        waiting = None if self.finished else self.waiting
        return Pod(f"{self.name}-pod", self.app, phase, waiting)


@dataclass(frozen=True)
class Plan:
    """How one run of elastic-blast goes: after half the time half its batches exist."""

    takes: timedelta = timedelta(seconds=2)
    batches: int = 2
    says: str = ""
    """Its stdout; empty for `accepted`."""
    exit_code: int = 0
    leaves: bool = False
    """Whether a run that does not end well leaves the first half of its batches."""


@dataclass
class Process:
    """A run of `elastic-blast submit`."""

    elb_job_id: str
    job_id: str
    plan: Plan
    began: datetime
    until: datetime
    """When the sidecar that started it ends it."""
    stage: int = 0
    result: Finished | None = None
    killed: bool = False

    @property
    def runs(self) -> bool:
        return self.result is None and not self.killed

    @property
    def next_stage(self) -> datetime:
        """When it goes on; its second half ends it."""
        return min(self.began + self.plan.takes * self.stage / 2, self.until)


@dataclass
class Operation:
    """What the sidecar keeps under an id."""

    command: Command
    process: Process


@dataclass
class StateFolder:
    """The state of one sidecar instance, with its id."""

    instance: str
    operations: dict[str, Operation] = field(default_factory=dict)
    never: set[str] = field(default_factory=set)
    """Operations that were stopped before they began."""


@dataclass
class Lease:
    """The submit slot."""

    holder: str
    since: datetime
    renewed: datetime
    duration: timedelta


def accepted() -> str:
    return json.dumps({"kind": "submit_result", "decision": "accepted", "message": "accepted"})


def already_done() -> str:
    done = {"kind": "submit_result", "decision": "already_done"}
    return json.dumps(done | {"details": {"terminal": "SUCCESS"}})


def trouble(category: str, message: str = "it did not work") -> str:
    return json.dumps({"kind": "error", "category": category, "message": message})
