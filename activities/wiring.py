"""Which method does which verb, with the clients of this process."""

import traceback
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from activities.batch import Batch
from activities.cleanup import Cancelling, Clearing
from activities.context import Desk
from activities.crash import Record
from activities.launcher import Launch
from activities.observe import Watching
from activities.ports import Orchestrations
from activities.results import Results
from activities.submit import Submission
from activities.submit_queue import Turns
from activities.substitute import Substitute
from shared import dependencies
from shared.contracts import serialization
from shared.contracts.activities import OF_BATCHES, Order, Report, Verb
from shared.settings import settings
from shared.util.redaction import redacted

Method = Callable[[Order], Report]
Methods = Mapping[Verb, Method]


def perform(verb: Verb, order: Any, orchestrations: Orchestrations) -> dict[str, Any]:
    """Do what an orchestrator asked for: an Order in, a Report out, both as plain JSON."""
    return run_redacted(
        lambda: serialization.write(_method(verb, orchestrations)(serialization.read(Order, order)))
    )


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
    batch = Batch(desk, dependencies.blobs(), orchestrations)
    return Substitute(desk.jobs, cancelling, batch, Record(desk))


@cache
def _desk() -> Desk:
    return Desk(dependencies.jobs(), settings(), dependencies.now, dependencies.courier().deliver)


@cache
def _methods() -> Methods:
    desk, blobs = _desk(), dependencies.blobs()
    return {
        Verb.OBSERVE: Watching(desk, blobs, dependencies.cluster).observe,
        Verb.COLLECT: Results(desk, blobs).collect,
        Verb.FAIL: Record(desk).fail,
    }


def _in_turn(orchestrations: Orchestrations) -> Methods:
    """What takes or frees the submit slot of a cluster."""
    desk, blobs, sidecar = _desk(), dependencies.blobs(), dependencies.sidecar()
    turns = Turns(desk.jobs, dependencies.cluster, orchestrations)
    clearing = _clearing(orchestrations)
    launch = Launch(desk, blobs, dependencies.cluster, sidecar, turns)
    submission = Submission(desk, blobs, launch, clearing, turns)
    return {
        Verb.PREPARE: submission.prepare,
        Verb.SUBMIT: submission.submit,
        Verb.CANCEL: Cancelling(desk, clearing).cancel,
    }


def _clearing(orchestrations: Orchestrations) -> Clearing:
    turns = Turns(dependencies.jobs(), dependencies.cluster, orchestrations)
    return Clearing(dependencies.cluster, dependencies.sidecar(), turns, dependencies.now)


def _of_batches(orchestrations: Orchestrations) -> Methods:
    batch = Batch(_desk(), dependencies.blobs(), orchestrations)
    return {
        Verb.FAN_OUT: batch.fan_out,
        Verb.GATHER: batch.gather,
        Verb.STOP_CHILDREN: batch.stop,
    }
