"""Which method does which verb, with the clients of this process."""

from collections.abc import Callable
from functools import cache
from typing import Any

from activities.batch import Batch, Orchestrations
from activities.cancelling import Cancelling
from activities.clearing import Clearing
from activities.launching import Launch
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


def perform_with(orchestrations: Orchestrations, verb: Verb, order: Any) -> dict[str, Any]:
    """The same for the verbs of a batch, which start and wake other orchestrations."""
    batch = Batch(_desk(), opened.blobs(), orchestrations)
    methods = {
        Verb.FAN_OUT: batch.fan_out,
        Verb.GATHER: batch.gather,
        Verb.STOP_CHILDREN: batch.stop,
    }
    return wire.write(methods[verb](wire.read(Order, order)))


@cache
def _desk() -> Desk:
    return Desk(opened.jobs(), settings(), opened.now, opened.courier().deliver)


@cache
def _methods() -> dict[Verb, Callable[[Order], Report]]:
    desk = _desk()
    blobs, sidecar = opened.blobs(), opened.sidecar()
    clearing = Clearing(opened.cluster, sidecar, opened.now)
    launch = Launch(desk, blobs, opened.cluster, sidecar)
    submission = Submission(desk, blobs, launch, clearing)
    return {
        Verb.PREPARE: submission.prepare,
        Verb.SUBMIT: submission.submit,
        Verb.OBSERVE: Watching(desk, blobs, opened.cluster).observe,
        Verb.COLLECT: Results(desk, blobs).collect,
        Verb.CANCEL: Cancelling(desk, clearing).cancel,
        Verb.FAIL: Record(desk).fail,
    }
