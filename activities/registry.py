"""Which method does which verb, with the clients of this process."""

from collections.abc import Callable
from functools import cache
from typing import Any

from activities.cancelling import Cancelling
from activities.clearing import Clearing
from activities.record import Record
from activities.results import Results
from activities.steps import Desk
from activities.submission import Submission
from activities.watching import Watching
from shared import opened
from shared.contracts import wire
from shared.contracts.steps import Order, Report, Verb
from shared.settings import settings


def perform(verb: Verb, order: Any) -> dict[str, Any]:
    """Do what an orchestrator asked for: an Order in, a Report out, both as plain JSON."""
    return wire.write(_methods()[verb](wire.read(Order, order)))


@cache
def _methods() -> dict[Verb, Callable[[Order], Report]]:
    desk = Desk(opened.jobs(), settings(), opened.now, opened.courier().deliver)
    blobs, sidecar = opened.blobs(), opened.sidecar()
    clearing = Clearing(opened.cluster, sidecar, opened.now)
    submission = Submission(desk, blobs, opened.cluster, sidecar, clearing)
    return {
        Verb.PREPARE: submission.prepare,
        Verb.SUBMIT: submission.submit,
        Verb.OBSERVE: Watching(desk, blobs, opened.cluster).observe,
        Verb.COLLECT: Results(desk, blobs).collect,
        Verb.CANCEL: Cancelling(desk, clearing).cancel,
        Verb.FAIL: Record(desk).fail,
    }
