"""Starting elastic-blast once: look first, and only with the cluster's submit slot (R1, R2).

A result of the sidecar instance in the row proves that the operation has ended, a 404 of it that it
never began. No other response proves either: the operation may run until its timeout, unless the
cluster shows its end. After that Jobs and markers decide, and another operation is started.
"""

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from activities.assess import submission_completed, submission_ended
from activities.cleanup import operation_id
from activities.context import ActivityContext
from activities.overrides import find_overrides
from activities.ports import Cluster, Clusters, Sidecar
from activities.submit_queue import SubmitQueue
from shared.blast.result_files import JOB_COUNT_BLOB, parse_count
from shared.clients.blobs import Blobs
from shared.clients.kubernetes import RENEWAL_INTERVAL, LeaseState
from shared.contracts.exec import (
    Command,
    Finished,
    Health,
    HttpRejection,
    Interrupted,
    OperationRunning,
    Result,
    Unreachable,
    Untracked,
)
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.elastic_blast.command import submit_argv
from shared.elastic_blast.written_config import Overrides, reported_cluster
from shared.errors import Conflict, Unavailable

log = logging.getLogger("blast")
OPERATION_WAIT = timedelta(seconds=5)
"""How long one step waits for a submission; a cancel waits for the step at most as long."""
SUCCESS, FAILURE = "metadata/SUCCESS.txt", "metadata/FAILURE.txt"
DELIVERY = timedelta(seconds=30)
"""How much longer than its timeout a submission may run: the request takes a while to arrive, and a
process that is stopped has some seconds to end."""


class EarlierSubmission(StrEnum):
    """What the cluster and the store show of a submission whose result is unknown."""

    RESUMED = "resumed"
    """Its Jobs are there."""
    ALREADY_DONE = "already_done"
    """A marker is there, which says how the search ended."""


class Overtaken(Exception):
    """The row was changed after it was read: by a cancel, or by another run of the same step."""


@dataclass(frozen=True)
class Attempt:
    """The result of one look or start, with the row as it is now."""

    job: Job
    found: Result | LeaseState | EarlierSubmission | Unavailable
    """The operation's result, a busy slot, an earlier try, or why the look failed."""
    is_first: bool = False
    """Whether this request was the first for its operation: a refusal proves that nothing began."""

    @property
    def has_ended(self) -> bool:
        """Whether the operation is known to have ended."""
        return isinstance(self.found, Finished | Interrupted | EarlierSubmission)

    @property
    def was_refused(self) -> bool:
        """Whether the operation's first request was refused before anything began.

        Where the operation's instance can be asked, a refusal that leaves a doubt proves nothing:
        one that something else wrote, an id that is taken (409), an error while starting (500).
        """
        match self.found:
            case HttpRejection():
                is_doubtful = self.found.foreign or self.found.status in (409, 500)
                return self.is_first and not (is_doubtful and self.job.sidecar_instance)
            case Unreachable():
                return self.is_first and not self.found.request_sent
            case _:
                return False


@dataclass(frozen=True)
class Launcher:
    """Starts submissions. Idempotent at any point: one that was started is found."""

    context: ActivityContext
    blobs: Blobs
    clusters: Clusters
    sidecar: Sidecar
    submit_queue: SubmitQueue

    async def submit_or_attach(self, job: Job) -> Attempt:
        """Look at the submission, or start it.

        Raises Unavailable, as a failed look does not mean that there is none, and Overtaken.
        """
        if job.untracked_submission_until is None:
            return await self._acquire_and_submit(job)
        result = await self.sidecar.get_operation(
            operation_id(job), OPERATION_WAIT, job.sidecar_instance
        )
        if result is None:
            return await self._acquire_and_submit(job)
        if isinstance(result, OperationRunning | Untracked | HttpRejection | Unreachable):
            await self._renew_lease(job)
        if isinstance(result, Untracked | HttpRejection | Unreachable):
            is_over = self.context.now() >= job.untracked_submission_until
            if earlier := await self._find_on_cluster(job, is_over):
                return Attempt(job, earlier)
            if is_over and isinstance(result, Untracked):
                return await self._acquire_and_submit(_next_operation(job))
        return Attempt(job, result)

    async def _find_on_cluster(self, job: Job, is_over: bool) -> EarlierSubmission | None:
        """A submission that has ended, by the cluster, as its sidecar does not say so.

        `is_over` says that it is past its time.
        """
        try:
            return (
                await self._earlier_submission(job)
                if is_over
                else await self._ended_submission(job)
            )
        except Unavailable:
            return None  # the sidecar's failure already leads to another try

    async def _ended_submission(self, job: Job) -> EarlierSubmission | None:
        """A submission within its time whose end the cluster shows, by what is created last.

        FAILURE.txt shows no end: a batch can fail while elastic-blast still creates the others.
        """
        if submission_ended(await self._cluster(job).jobs_of(job.elb_job_id)):
            return EarlierSubmission.RESUMED
        if await self.blobs.exists(job.results_prefix + SUCCESS):
            return EarlierSubmission.ALREADY_DONE
        return None

    async def _acquire_and_submit(self, job: Job) -> Attempt:
        slot = await self.submit_queue.acquire(job)
        if not slot.is_held and job.phase is Phase.WAITING_FOR_SUBMIT_SLOT:
            return Attempt(job, slot)
        if earlier := await self._earlier_submission(job):
            return Attempt(job, earlier)
        return await self._start(job) if slot.is_held else Attempt(job, slot)

    async def _earlier_submission(self, job: Job) -> EarlierSubmission | None:
        """An earlier try, none of which can be running, by its Jobs and markers."""
        announced = parse_count(await self.blobs.get(job.results_prefix + JOB_COUNT_BLOB))
        if submission_completed(await self._cluster(job).jobs_of(job.elb_job_id), announced):
            return EarlierSubmission.RESUMED
        for marker in (SUCCESS, FAILURE):
            if await self.blobs.exists(job.results_prefix + marker):
                return EarlierSubmission.ALREADY_DONE
        return None

    async def _start(self, job: Job) -> Attempt:
        """Start the operation, once the row has its sidecar instance and the time of its end."""
        command, health = await self._command(job), await self.sidecar.health()
        if not isinstance(health, Health):
            return Attempt(job, health)
        slot = await self._cluster(job).acquire_submit_lease(job.elb_job_id, _lasting(command))
        if not slot.is_held:
            return Attempt(job, slot)
        is_first = job.untracked_submission_until is None
        offered = health.instance if health.operations else None
        # An operation that another instance may have is requested from that instance only.
        if instance := offered if is_first else job.sidecar_instance:
            job = await self._announced(job, instance, command)
            result = await self.sidecar.run_operation(
                operation_id(job), command, OPERATION_WAIT, instance
            )
            if not isinstance(result, Untracked):
                return Attempt(job, result, is_first)
            health = await self.sidecar.health()
            if not isinstance(health, Health) or health.operations or not is_first:
                # The sender started nothing; what it may have passed on is asked for next time.
                unknown = Unreachable(f"not known to be started: {result.message}", True)
                return Attempt(job, unknown, is_first)
        # The sidecar keeps no operations, or was replaced by one that keeps none.
        job = await self._announced(job, None, command)
        return Attempt(job, await self.sidecar.exec(command), is_first)

    async def _announced(self, job: Job, instance: str | None, command: Command) -> Job:
        """The row with the operation that is about to begin, for steps after a crash or a cancel.

        Raises Overtaken.
        """
        until = self.context.now() + command.timeout + DELIVERY
        try:
            return await self.context.jobs.update(
                job.job_id,
                "submitting" if instance else "submission_started_untracked",
                {"operation": operation_id(job)},
                unchanged=job,
                phase=Phase.SUBMITTING,
                ended_submit_operations=job.ended_submit_operations,
                untracked_submission_until=until,
                sidecar_instance=instance,
            )
        except Conflict as conflict:
            raise Overtaken(str(conflict)) from conflict

    async def _command(self, job: Job) -> Command:
        config = await self.blobs.get(job.config_blob) if job.config_blob else None
        if config is None:
            raise LookupError(f"the config of {job.job_id} is missing: {job.config_blob}")
        argv = submit_argv(job.elb_job_id, job.job_id)
        return Command(argv, config.decode(), self.context.settings.submit_timeout)

    def _cluster(self, job: Job) -> Cluster:
        return self.clusters(job.search.placement.cluster_name)

    async def _renew_lease(self, job: Job) -> None:
        """Renew the slot. If that fails it expires later, and the operation goes on."""
        try:
            await self._cluster(job).acquire_submit_lease(job.elb_job_id)
        except Unavailable as error:
            log.warning("submit_slot_not_renewed job_id=%s: %s", job.job_id, error)

    async def overrides(self, job: Job, cluster_name: str | None) -> Overrides | None:
        """The values that elastic-blast used instead of those in the config.

        By the file that it wrote; without one, by the cluster that its answer names. Raises
        Unavailable.
        """
        differing = await find_overrides(self.blobs, job)
        if differing is None and cluster_name:
            differing = reported_cluster(cluster_name, job.search.placement)
        if differing:
            log.error("config_overridden job_id=%s: %s", job.job_id, differing)
        return differing


def _lasting(command: Command) -> timedelta:
    """How long the slot must last without a renewal: as long as the submission may run."""
    return command.timeout + DELIVERY + RENEWAL_INTERVAL


def _next_operation(job: Job) -> Job:
    """The job after an operation that passed its time without a result."""
    return replace(
        job,
        ended_submit_operations=job.ended_submit_operations + 1,
        untracked_submission_until=None,
        sidecar_instance=None,
    )
