"""Which method does which verb, with the clients of this process."""

import traceback
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from activities.batch import Batch
from activities.cancelling import Cancelling
from activities.clearing import Clearing
from activities.launching import Launch
from activities.outside import Orchestrations
from activities.record import Record
from activities.results import Results
from activities.steps import Desk
from activities.submission import Submission
from activities.substitute import Substitute
from activities.turns import Turns
from activities.watching import Watching
from shared import opened
from shared.contracts import wire
from shared.contracts.steps import OF_BATCHES, Order, Report, Verb
from shared.redaction import redacted
from shared.settings import settings

Method = Callable[[Order], Report]
Methods = Mapping[Verb, Method]


def perform(verb: Verb, order: Any, orchestrations: Orchestrations) -> dict[str, Any]:
    """Do what an orchestrator asked for: an Order in, a Report out, both as plain JSON."""
    return run_redacted(lambda: wire.write(_method(verb, orchestrations)(wire.read(Order, order))))


class ActivityCrashed(Exception):
    """Stands for an exception whose text, or a cause of it, holds a secret or a sequence."""


def run_redacted(run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run an activity. What it dies of is kept in Durable Functions' history and logged by the
    host, with its traceback: such an exception is replaced where it holds what must not be there.
    """
    try:
        return run()
    except Exception as error:
        text = "".join(traceback.format_exception(error))
        if redacted(text) == text:
            raise
        clean = redacted(str(error))
        raise ActivityCrashed(f"{type(error).__name__}: {clean}") from None


def _method(verb: Verb, orchestrations: Orchestrations) -> Method:
    if verb in OF_BATCHES:
        return _of_batches(orchestrations)[verb]
    return (_methods() if verb in _methods() else _in_turn(orchestrations))[verb]


def substitute(orchestrations: Orchestrations) -> Substitute:
    """What upkeep is given, to end jobs whose orchestrations cannot."""
    desk = _desk()
    cancelling = Cancelling(desk, _clearing(orchestrations))
    batch = Batch(desk, opened.blobs(), orchestrations)
    return Substitute(desk.jobs, cancelling, batch, Record(desk))


@cache
def _desk() -> Desk:
    return Desk(opened.jobs(), settings(), opened.now, opened.courier().deliver)


@cache
def _methods() -> Methods:
    desk, blobs = _desk(), opened.blobs()
    return {
        Verb.OBSERVE: Watching(desk, blobs, opened.cluster).observe,
        Verb.COLLECT: Results(desk, blobs).collect,
        Verb.FAIL: Record(desk).fail,
    }


def _in_turn(orchestrations: Orchestrations) -> Methods:
    """What takes or frees the submit slot of a cluster."""
    desk, blobs, sidecar = _desk(), opened.blobs(), opened.sidecar()
    turns = Turns(desk.jobs, opened.cluster, orchestrations)
    clearing = _clearing(orchestrations)
    launch = Launch(desk, blobs, opened.cluster, sidecar, turns)
    submission = Submission(desk, blobs, launch, clearing, turns)
    return {
        Verb.PREPARE: submission.prepare,
        Verb.SUBMIT: submission.submit,
        Verb.CANCEL: Cancelling(desk, clearing).cancel,
    }


def _clearing(orchestrations: Orchestrations) -> Clearing:
    turns = Turns(opened.jobs(), opened.cluster, orchestrations)
    return Clearing(opened.cluster, opened.sidecar(), turns, opened.now)


def _of_batches(orchestrations: Orchestrations) -> Methods:
    batch = Batch(_desk(), opened.blobs(), orchestrations)
    return {
        Verb.FAN_OUT: batch.fan_out,
        Verb.GATHER: batch.gather,
        Verb.STOP_CHILDREN: batch.stop,
    }
