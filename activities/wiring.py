"""Which method does the work of which activity: wired here for the app and for its tests."""

import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from activities.batch import BatchActivities
from activities.children import ChildJobs
from activities.cleanup import Cleanup, ClusterCleanup
from activities.context import ActivityContext
from activities.crash import CrashRecorder
from activities.index import HitIndexing
from activities.job_stopper import JobStopper
from activities.launcher import Launcher
from activities.observe import Observer
from activities.ports import Clusters, Orchestrations, Sidecar
from activities.results import ResultCollector
from activities.submit import Submitter
from activities.submit_queue import SubmitQueue
from blast_orchestrator.workflow import ACTIVITY, CHUNK_ACTIVITY
from shared.clients.blobs import Blobs
from shared.contracts import serialization
from shared.contracts.activities import (
    ActivityInput,
    ActivityName,
    Category,
    ChunkResult,
    Stage,
    StepResult,
)
from shared.contracts.states import Phase
from shared.dependencies import Dependencies
from shared.errors import RetryableError, SettingsInvalid
from shared.hits.indexer import Indexer
from shared.telemetry.tracing import TracedJob
from shared.util.redaction import redacted

log = logging.getLogger("blast")
Method = Callable[[ActivityInput], Awaitable[StepResult | ChunkResult]]

STAGE_OF: Mapping[ActivityName, Stage] = {name: stage for stage, name in ACTIVITY.items()}
"""The stage whose work an activity does."""
CHUNK_ACTIVITIES = frozenset(CHUNK_ACTIVITY.values())
"""The activities of a fan-out, which answer with a ChunkResult."""
WRONG_SETTINGS_DELAY = timedelta(minutes=1)
"""The wait before a step that wrong settings prevent is tried again: no policy can be read."""


@dataclass(frozen=True)
class Activities:
    """All activities over one set of clients. Making one costs nothing and opens nothing."""

    context: ActivityContext
    blobs: Blobs
    clusters: Clusters
    sidecar: Sidecar
    orchestrations: Orchestrations
    indexer: Indexer

    @classmethod
    def of(cls, dependencies: Dependencies, orchestrations: Orchestrations) -> "Activities":
        """The activities over the clients of a process. Raises SettingsInvalid and Unavailable."""
        context = ActivityContext(
            dependencies.jobs,
            dependencies.settings,
            dependencies.now,
            dependencies.outbox_publisher.publish_pending,
            dependencies.telemetry,
        )
        return cls(
            context,
            dependencies.blobs,
            dependencies.cluster,
            dependencies.sidecar,
            orchestrations,
            dependencies.indexer,
        )

    def methods(self) -> Mapping[ActivityName, Method]:
        """The method of each activity."""
        context, blobs = self.context, self.blobs
        submitter, batch = self._submitter(), self._batch()
        return {
            ActivityName.PREPARE_SEARCH: submitter.prepare,
            ActivityName.SUBMIT_SEARCH: submitter.submit,
            ActivityName.OBSERVE_SEARCH: Observer(context, blobs, self.clusters).observe,
            ActivityName.COLLECT_RESULTS: ResultCollector(context, blobs).collect,
            ActivityName.PLAN_INDEX: self._indexing().plan_index,
            ActivityName.INDEX_HITS: self._indexing().index_hits,
            ActivityName.CLEAN_UP_SEARCH: self._cleanup().clean_up_search,
            ActivityName.RECORD_CRASH: CrashRecorder(context).record_crash,
            ActivityName.START_CHILDREN: batch.start_children,
            ActivityName.CREATE_CHILDREN: batch.children.create_children,
            ActivityName.OBSERVE_CHILDREN: batch.observe_children,
            ActivityName.CANCEL_CHILDREN: batch.cancel_children,
        }

    def job_stopper(self) -> JobStopper:
        """What reconcile is given, to end jobs whose orchestrations cannot."""
        context = self.context
        return JobStopper(context.jobs, self._cleanup(), self._batch(), CrashRecorder(context))

    def _submitter(self) -> Submitter:
        queue = self._submit_queue()
        launcher = Launcher(self.context, self.blobs, self.clusters, self.sidecar, queue)
        return Submitter(self.context, self.blobs, launcher, self._cluster_cleanup(), queue)

    def _indexing(self) -> HitIndexing:
        return HitIndexing(self.context, self.blobs, self.indexer)

    def _cleanup(self) -> Cleanup:
        return Cleanup(self.context, self._cluster_cleanup(), self.blobs)

    def _cluster_cleanup(self) -> ClusterCleanup:
        queue, now = self._submit_queue(), self.context.now
        return ClusterCleanup(self.clusters, self.sidecar, queue, now)

    def _submit_queue(self) -> SubmitQueue:
        return SubmitQueue(self.context.jobs, self.clusters, self.orchestrations)

    def _batch(self) -> BatchActivities:
        children = ChildJobs(self.context, self.blobs, self.orchestrations)
        return BatchActivities(self.context, children)


def job_of_activity(bindings: Mapping[str, Any]) -> TracedJob:
    """The job that an activity works for, by its input."""
    payload = bindings["payload"]
    return TracedJob(payload.get("job_id"), payload.get("trace_parent"))


async def run_activity(
    dependencies: Dependencies, activity: ActivityName, input_: Any, orchestrations: Orchestrations
) -> dict[str, Any]:
    """Run an activity: an ActivityInput in, a StepResult or ChunkResult out, as plain JSON.

    It gives way to the submissions of the process, for which clients wait. A process whose
    settings are wrong, or that finds no storage, takes no step and ends no job.
    """

    async def run() -> dict[str, Any]:
        typed = serialization.deserialize(ActivityInput, input_)
        try:
            activities = Activities.of(dependencies, orchestrations)
        except (RetryableError, SettingsInvalid) as error:
            if activity is ActivityName.RECORD_CRASH:
                raise  # the orchestrator, which alone knows the stage, tries without limit
            return serialization.serialize(postpone(activity, typed, error, dependencies))
        return serialization.serialize(await activities.methods()[activity](typed))

    async with dependencies.precedence.in_turn():
        if activity in CHUNK_ACTIVITIES:
            return await run_chunk(run)
        return await run_redacted(run)


def postpone(
    activity: ActivityName,
    input_: ActivityInput,
    error: RetryableError | SettingsInvalid,
    dependencies: Dependencies,
) -> StepResult | ChunkResult:
    """The same work again, later: without clients, nothing can be done or recorded."""
    log.warning("activity_postponed job_id=%s activity=%s: %s", input_.job_id, activity, error)
    if isinstance(error, SettingsInvalid):
        delay = WRONG_SETTINGS_DELAY
    else:
        delay = dependencies.settings.retry(Category.TRANSIENT).first_delay(error.retry_after)
    if activity in CHUNK_ACTIVITIES:
        return ChunkResult(error.code, delay)
    status = {"code": error.code}
    return StepResult(Phase.RETRYING, STAGE_OF[activity], input_.step + 1, delay, status)


class ActivityCrashed(Exception):
    """Stands for an exception whose text, or that of a cause, holds a secret or a sequence."""


async def run_redacted(run: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """Run an activity. An exception is kept in Durable Functions' history, and logged by the host
    with its traceback: it is replaced if it holds a secret or a sequence.
    """
    try:
        return await run()
    except Exception as error:  # of any kind: each is raised again, with its text or without
        text = "".join(traceback.format_exception(error))
        if redacted(text) == text:
            raise
        clean = redacted(str(error))
        raise ActivityCrashed(f"{type(error).__name__}: {clean}") from None


async def run_chunk(run: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """Run an activity of a fan-out: a crash is a value, as task_all fails at the first error."""
    try:
        return await run_redacted(run)
    except Exception as error:  # of any kind: the orchestrator counts it as a crash
        log.exception("chunk_crashed")
        text = f"{type(error).__name__}: {error}"
        return serialization.serialize(ChunkResult(crash=text))
