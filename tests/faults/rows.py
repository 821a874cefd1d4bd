"""The type of a row of the fault matrix, and common values."""

import json
from dataclasses import dataclass, replace

from local.elastic_blast.fault_rules import FaultRule, JobFaultRule
from shared.contracts.states import Phase
from tests.faults.faults import Fault, FaultKind, RequestFilter


@dataclass(frozen=True)
class Row:
    """One job with proxy faults and fault rules, for this job alone unless `all_jobs`."""

    failure: int
    """The number of the failure."""
    description: str
    end: Phase = Phase.COMPLETED
    code: str | None = None
    """The job's final error code."""
    faults: tuple[Fault, ...] = ()
    """Proxy faults; each must apply to at least one request."""
    rules: tuple[FaultRule, ...] = ()
    """Fault rules for elastic-blast and its Jobs."""
    twice: bool = False
    """Whether the request is sent twice."""
    cancel_in: Phase | None = None
    cancel_after: str = ""
    """The event after which the job is cancelled."""
    restart_in: Phase | None = None
    faults_from: Phase | None = None
    """The phase in which the faults are activated; None: before the request."""
    removed_after: str = ""
    """The event after which the faults are removed."""
    all_jobs: bool = False
    must: tuple[str, ...] = ()
    """Required events."""
    must_not: tuple[str, ...] = ()
    submissions: int | None = 1
    """The number of elastic-blast runs; None: 0 or 1, because of a race."""
    quick: bool = False
    """Whether `make test` runs it, too."""

    def __str__(self) -> str:
        return f"{self.failure}: {self.description}"


RETRIED = ("retry_scheduled",)
SUBMIT = RequestFilter("sidecar", "PUT", "operations")
LOOK = RequestFilter("sidecar", "GET", "operations")
STOP = RequestFilter("sidecar", "DELETE", "operations")
LIST = RequestFilter("cluster", "GET", "/jobs$")
DELETE = RequestFilter("cluster", "DELETE", "/jobs$")
START = RequestFilter("durable", "POST", "orchestrators")
HANGS = (FaultRule(jobs=JobFaultRule(hang=True)),)
SUBMIT_HANGS = (FaultRule(hang_seconds=600, after_jobs=True),)
AFTER_JOBS = FaultRule(call=1, after_jobs=True)


def single_fault(kind: FaultKind, where: RequestFilter, **options: object) -> tuple[Fault, ...]:
    """A tuple with one fault."""
    return (Fault(kind, where, **options),)  # type: ignore[arg-type]


def status(code: int, where: RequestFilter, times: int | None = 1, body: bytes = b"{}") -> Fault:
    """A fault with this status; 429 has a Retry-After."""
    headers = (("Retry-After", "1"),) if code == 429 else ()
    return Fault(FaultKind.STATUS, where, times=times, status=code, headers=headers, body=body)


def refused(
    code: int,
    where: RequestFilter,
    times: int | None = 1,
    body: bytes = b'{"error": "refused"}',
) -> Fault:
    """A refusal as the sidecar writes it; otherwise the client takes it for an ingress's."""
    return replace(status(code, where, times, body), from_sidecar=True)


def refused_by_kubernetes(
    code: int, where: RequestFilter, times: int | None = 1, nth: int = 1
) -> Fault:
    """A refusal with the API server's body; without it, the client takes it for a proxy's."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
    refusal = status(code, where, times, json.dumps(body).encode())
    return replace(refusal, nth=nth)


def answered(category: str, message: str = "", **options: object) -> FaultRule:
    """A rule: the first call of elastic-blast fails with this JSON."""
    answer = {"category": category, "message": message, **options}
    return FaultRule(call=1, answer=answer, exit_code=8)
