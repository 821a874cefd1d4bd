"""What a row of the fault matrix is made of."""

from dataclasses import dataclass

from local.elastic_blast.fault_rules import FaultRule, JobFaultRule
from shared.contracts.states import Phase
from tests.faults.faults import Fault, How, Where


@dataclass(frozen=True)
class Row:
    """One job in trouble. Faults and troubles are for this job alone, unless they are `wide`."""

    failure: int
    """Its number among the failures seen in the field."""
    says: str
    end: Phase = Phase.COMPLETED
    code: str | None = None
    """The job's error code at its end."""
    faults: tuple[Fault, ...] = ()
    """Of the way; each of them has to meet a request."""
    troubles: tuple[FaultRule, ...] = ()
    """Of elastic-blast and of its Jobs."""
    twice: bool = False
    """The request is sent twice."""
    cancel_in: Phase | None = None
    cancel_after: str = ""
    """The event that the job is cancelled after."""
    restart_in: Phase | None = None
    begins_in: Phase | None = None
    """The phase that the faults come in; None: they are there before the request is."""
    lifted_by: str = ""
    """The event that the faults are withdrawn after."""
    wide: bool = False
    must: tuple[str, ...] = ()
    """Events that its history has."""
    must_not: tuple[str, ...] = ()
    submissions: int | None = 1
    """How often elastic-blast was run; None: once or never, for it is a race."""
    quick: bool = False
    """`make test` has it too."""

    def __str__(self) -> str:
        return f"{self.failure}: {self.says}"


RETRIED = ("retry_scheduled",)
SUBMIT = Where("sidecar", "PUT", "operations")
LOOK = Where("sidecar", "GET", "operations")
STOP = Where("sidecar", "DELETE", "operations")
LIST = Where("cluster", "GET", "/jobs$")
DELETE = Where("cluster", "DELETE", "/jobs$")
START = Where("durable", "POST", "orchestrators")
HANGS = (FaultRule(jobs=JobFaultRule(hang=True)),)
SUBMITS_FOR_EVER = (FaultRule(hang_seconds=600, after_jobs=True),)
AFTER_JOBS = FaultRule(call=1, after_jobs=True)


def said(how: How, where: Where, **more: object) -> tuple[Fault, ...]:
    """One fault."""
    return (Fault(how, where, **more),)  # type: ignore[arg-type]


def status(code: int, where: Where, times: int | None = 1, body: bytes = b"{}") -> Fault:
    """An answer with this status; 429 says when to come again."""
    headers = (("Retry-After", "1"),) if code == 429 else ()
    return Fault(How.STATUS, where, times=times, status=code, headers=headers, body=body)


def refused(code: int, where: Where, times: int | None = 1) -> Fault:
    """A refusal in the words of a sidecar; without them it is one of something in front of it."""
    return status(code, where, times, b'{"error": "refused"}')


def answered(category: str, message: str = "", **more: object) -> FaultRule:
    """What elastic-blast says in JSON of a submission that failed at its first call."""
    answer = {"category": category, "message": message, **more}
    return FaultRule(call=1, answer=answer, exit_code=8)
