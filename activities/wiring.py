"""Which method does the work of which activity, with the clients of this process."""

import logging
import traceback
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from activities.batch import BatchActivities
from activities.children import ChildJobs
from activities.cleanup import Cleanup, ClusterCleanup
from activities.context import ActivityContext
from activities.crash import CrashRecorder
from activities.job_stopper import JobStopper
from activities.launcher import Launcher
from activities.observe import Observer
from activities.ports import Orchestrations
from activities.results import ResultCollector
from activities.submit import Submitter
from activities.submit_queue import SubmitQueue
from shared import dependencies
from shared.contracts import serialization
from shared.contracts.activities import (
    BATCH_ACTIVITIES,
    ActivityInput,
    ActivityName,
    ChunkResult,
    StepResult,
)
from shared.settings import settings
from shared.util.redaction import redacted

log = logging.getLogger("blast")
Method = Callable[[ActivityInput], StepResult | ChunkResult]
Methods = Mapping[ActivityName, Method]


def run_activity(
    activity: ActivityName, input_: Any, orchestrations: Orchestrations
) -> dict[str, Any]:
    """Run an activity: an ActivityInput in, a StepResult or ChunkResult out, as plain JSON."""

    def run() -> dict[str, Any]:
        method = _method(activity, orchestrations)
        return serialization.serialize(method(serialization.deserialize(ActivityInput, input_)))

    if activity is ActivityName.CREATE_CHILDREN:
        return run_chunk(run)
    return run_redacted(run)


class ActivityCrashed(Exception):
    """Stands for an exception whose text, or that of a cause, holds a secret or a sequence."""


def run_redacted(run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run an activity. An exception is kept in Durable Functions' history, and logged by the host
    with its traceback: it is replaced if it holds a secret or a sequence.
    """
    try:
        return run()
    except Exception as error:
        text = "".join(traceback.format_exception(error))
        if redacted(text) == text:
            raise
        clean = redacted(str(error))
        raise ActivityCrashed(f"{type(error).__name__}: {clean}") from None


def run_chunk(run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run an activity of a fan-out: a crash is a value, as task_all fails at the first error."""
    try:
        return run_redacted(run)
    except Exception as error:
        log.exception("chunk_crashed")
        text = f"{type(error).__name__}: {error}"
        return serialization.serialize(ChunkResult(crash=text))


def _method(activity: ActivityName, orchestrations: Orchestrations) -> Method:
    if activity in BATCH_ACTIVITIES:
        return _batch_methods(orchestrations)[activity]
    return (_methods() if activity in _methods() else _search_methods(orchestrations))[activity]


def create_job_stopper(orchestrations: Orchestrations) -> JobStopper:
    """What reconcile is given, to end jobs whose orchestrations cannot."""
    context = _context()
    cleanup = Cleanup(context, _cluster_cleanup(orchestrations), dependencies.blobs())
    return JobStopper(context.jobs, cleanup, _batch(orchestrations), CrashRecorder(context))


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
    """The methods that acquire or release the submit slot of a cluster."""
    context, blobs, sidecar = _context(), dependencies.blobs(), dependencies.sidecar()
    submit_queue = SubmitQueue(context.jobs, dependencies.cluster, orchestrations)
    cleanup = _cluster_cleanup(orchestrations)
    launcher = Launcher(context, blobs, dependencies.cluster, sidecar, submit_queue)
    submitter = Submitter(context, blobs, launcher, cleanup, submit_queue)
    return {
        ActivityName.PREPARE_SEARCH: submitter.prepare,
        ActivityName.SUBMIT_SEARCH: submitter.submit,
        ActivityName.CLEAN_UP_SEARCH: Cleanup(context, cleanup, blobs).clean_up_search,
    }


def _cluster_cleanup(orchestrations: Orchestrations) -> ClusterCleanup:
    submit_queue = SubmitQueue(dependencies.jobs(), dependencies.cluster, orchestrations)
    return ClusterCleanup(
        dependencies.cluster, dependencies.sidecar(), submit_queue, dependencies.now
    )


def _batch(orchestrations: Orchestrations) -> BatchActivities:
    context = _context()
    return BatchActivities(context, ChildJobs(context, dependencies.blobs(), orchestrations))


def _batch_methods(orchestrations: Orchestrations) -> Methods:
    batch = _batch(orchestrations)
    return {
        ActivityName.START_CHILDREN: batch.start_children,
        ActivityName.CREATE_CHILDREN: batch.children.create_children,
        ActivityName.OBSERVE_CHILDREN: batch.observe_children,
        ActivityName.CANCEL_CHILDREN: batch.cancel_children,
    }
