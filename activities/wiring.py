"""Which method does which verb, with the clients of this process."""

import traceback
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from activities.batch import BatchActivities
from activities.cleanup import Cleanup, ClusterCleanup
from activities.context import ActivityContext
from activities.crash import CrashRecorder
from activities.launcher import Launcher
from activities.observe import Observer
from activities.ports import Orchestrations
from activities.results import ResultCollector
from activities.submit import Submitter
from activities.submit_queue import SubmitQueue
from activities.substitute import Substitute
from shared import dependencies
from shared.contracts import serialization
from shared.contracts.activities import BATCH_ACTIVITIES, ActivityInput, ActivityName, Decision
from shared.settings import settings
from shared.util.redaction import redacted

Method = Callable[[ActivityInput], Decision]
Methods = Mapping[ActivityName, Method]


def run_activity(
    activity: ActivityName, input_: Any, orchestrations: Orchestrations
) -> dict[str, Any]:
    """Do what an orchestrator asked for: an Order in, a Report out, both as plain JSON."""
    return run_redacted(
        lambda: serialization.serialize(
            _method(activity, orchestrations)(serialization.deserialize(ActivityInput, input_))
        )
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


def _method(activity: ActivityName, orchestrations: Orchestrations) -> Method:
    if activity in BATCH_ACTIVITIES:
        return _batch_methods(orchestrations)[activity]
    return (_methods() if activity in _methods() else _search_methods(orchestrations))[activity]


def substitute(orchestrations: Orchestrations) -> Substitute:
    """What upkeep is given, to end jobs whose orchestrations cannot."""
    context = _context()
    cancelling = Cleanup(context, _clearing(orchestrations), dependencies.blobs())
    batch = BatchActivities(context, dependencies.blobs(), orchestrations)
    return Substitute(context.jobs, cancelling, batch, CrashRecorder(context))


@cache
def _context() -> ActivityContext:
    return ActivityContext(
        dependencies.jobs(),
        settings(),
        dependencies.now,
        dependencies.outbox_publisher().publish_pending,
    )


@cache
def _methods() -> Methods:
    context, blobs = _context(), dependencies.blobs()
    return {
        ActivityName.OBSERVE_SEARCH: Observer(context, blobs, dependencies.cluster).observe,
        ActivityName.COLLECT_RESULTS: ResultCollector(context, blobs).collect,
        ActivityName.RECORD_CRASH: CrashRecorder(context).record_crash,
    }


def _search_methods(orchestrations: Orchestrations) -> Methods:
    """What takes or frees the submit slot of a cluster."""
    context, blobs, sidecar = _context(), dependencies.blobs(), dependencies.sidecar()
    turns = SubmitQueue(context.jobs, dependencies.cluster, orchestrations)
    clearing = _clearing(orchestrations)
    launch = Launcher(context, blobs, dependencies.cluster, sidecar, turns)
    submission = Submitter(context, blobs, launch, clearing, turns)
    return {
        ActivityName.PREPARE_SEARCH: submission.prepare,
        ActivityName.SUBMIT_SEARCH: submission.submit,
        ActivityName.CLEAN_UP_SEARCH: Cleanup(context, clearing, blobs).clean_up_search,
    }


def _clearing(orchestrations: Orchestrations) -> ClusterCleanup:
    turns = SubmitQueue(dependencies.jobs(), dependencies.cluster, orchestrations)
    return ClusterCleanup(dependencies.cluster, dependencies.sidecar(), turns, dependencies.now)


def _batch_methods(orchestrations: Orchestrations) -> Methods:
    batch = BatchActivities(_context(), dependencies.blobs(), orchestrations)
    return {
        ActivityName.START_CHILDREN: batch.start_children,
        ActivityName.OBSERVE_CHILDREN: batch.observe_children,
        ActivityName.CANCEL_CHILDREN: batch.cancel_children,
    }
