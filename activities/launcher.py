"""Starting elastic-blast, once: look first, under the cluster's submit slot (R1, R2).

A result proves that the operation has ended; a 404 of the sidecar instance in the row proves that
it has never begun. No other answer proves either: the operation may be running until its timeout,
after which Jobs and markers decide, and another operation is started.
"""

import logging
from dataclasses import dataclass, replace
from datetime import timedelta

from activities.assess import is_submitted
from activities.cleanup import operation_id
from activities.context import Desk
from activities.ports import Cluster, Clusters, Sidecar
from activities.submit_queue import Turns
from shared.blast.result_files import ANNOUNCED, number_in
from shared.clients.blobs import Blobs
from shared.clients.kubernetes import Slot
from shared.contracts.exec import (
    Command,
    Finished,
    Health,
    Interrupted,
    Refused,
    Result,
    Running,
    Unreachable,
    Untracked,
)
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.elastic_blast import written_config
from shared.elastic_blast.command import submit_argv
from shared.elastic_blast.written_config import LARGEST, Overrides, overrides
from shared.errors import Conflict, Unavailable

log = logging.getLogger("blast")
PATIENCE = timedelta(seconds=5)
"""How long one step waits for a submission, and so the longest that a cancel waits for the step."""
DELIVERY = timedelta(seconds=30)
"""How much longer than its timeout a submission may run: a request is on its way for a while, and a
process that is ended has some seconds to end."""


class Overtaken(Exception):
    """The row was changed after it was read: by a cancel, or by another run of the same step."""


@dataclass(frozen=True)
class Attempt:
    """What came of one look or start, with the row as it is now."""

    job: Job
    found: Result | Slot | str
    """The result as far as there is one, a busy slot, or how an earlier try has gone."""
    is_first: bool = False
    """Whether this request was the first for its operation: a refusal proves that nothing began."""

    @property
    def has_ended(self) -> bool:
        """Whether the operation is known to have ended."""
        return isinstance(self.found, Finished | Interrupted)


@dataclass(frozen=True)
class Launch:
    """May be said again at any point: what was started is found, and never started twice."""

    desk: Desk
    blobs: Blobs
    clusters: Clusters
    sidecar: Sidecar
    turns: Turns

    def attend(self, job: Job) -> Attempt:
        """Look at what was started, or start it.

        Raises Unavailable: a look that fails does not mean that nothing is there. Raises Overtaken.
        """
        if job.unseen_until is None:
            return self._begun(job)
        result = self.sidecar.look(operation_id(job), PATIENCE, job.sidecar_instance)
        if result is None:
            return self._begun(job)
        if isinstance(result, Running | Untracked | Refused | Unreachable):
            self._keep_slot(job)
        if isinstance(result, Untracked | Refused | Unreachable):
            if found := self._adoptable(job):
                return Attempt(job, found)
            if isinstance(result, Untracked) and self.desk.now() >= job.unseen_until:
                return self._begun(_next_operation(job))
        return Attempt(job, result)

    def _adoptable(self, job: Job) -> str | None:
        """How a submission went that its sidecar cannot tell of, if the cluster can."""
        try:
            return self._already_there(job)
        except Unavailable:
            return None  # the trouble of the sidecar is reason enough for another try

    def _begun(self, job: Job) -> Attempt:
        slot = self.turns.take(job)
        if not slot.held and job.phase is Phase.WAITING_FOR_SUBMIT_SLOT:
            return Attempt(job, slot)
        if found := self._already_there(job):
            return Attempt(job, found)
        return self._start(job) if slot.held else Attempt(job, slot)

    def _already_there(self, job: Job) -> str | None:
        """How an earlier try, whose end nobody saw, went: its Jobs or its markers tell."""
        announced = number_in(self.blobs.get(job.results_prefix + ANNOUNCED))
        if is_submitted(self._cluster(job).jobs_of(job.elb_job_id), announced):
            return "resumed"
        markers = ("metadata/SUCCESS.txt", "metadata/FAILURE.txt")
        if any(self.blobs.exists(job.results_prefix + marker) for marker in markers):
            return "already_done"
        return None

    def _start(self, job: Job) -> Attempt:
        """Start the operation, after the row names who is given it, and until when it may run."""
        command, health = self._command(job), self.sidecar.health()
        if not isinstance(health, Health):
            return Attempt(job, health)
        is_first = job.unseen_until is None
        if health.operations:
            # What an instance was given before is asked of that one only.
            instance = health.instance if is_first else job.sidecar_instance
            job = self._announced(job, instance, command)
            result = self.sidecar.run_operation(operation_id(job), command, PATIENCE, instance)
            if not isinstance(result, Untracked):
                return Attempt(job, result, is_first)
            health = self.sidecar.health()
            if not isinstance(health, Health) or health.operations or not is_first:
                said = Unreachable(f"not started: {result.message}", sent=False)
                return Attempt(job, said, is_first)
        # It keeps no operations, or was replaced by one that keeps none.
        job = self._announced(job, None, command)
        return Attempt(job, self.sidecar.exec(command), is_first)

    def _announced(self, job: Job, instance: str | None, command: Command) -> Job:
        """The row that says what is about to begin, for whoever comes after a crash or to cancel.

        Raises Overtaken.
        """
        until = self.desk.now() + command.timeout + DELIVERY
        try:
            return self.desk.jobs.update(
                job.job_id,
                "submitting" if instance else "submitting_unseen",
                {"operation": operation_id(job)},
                unchanged=job,
                phase=Phase.SUBMITTING,
                operations=job.operations,
                unseen_until=until,
                sidecar_instance=instance,
            )
        except Conflict as conflict:
            raise Overtaken(str(conflict)) from conflict

    def _command(self, job: Job) -> Command:
        config = self.blobs.get(job.config_blob) if job.config_blob else None
        if config is None:
            raise LookupError(f"the config of {job.job_id} is gone: {job.config_blob}")
        argv = submit_argv(job.elb_job_id, job.job_id)
        return Command(argv, config.decode(), self.desk.settings.submit_timeout)

    def _cluster(self, job: Job) -> Cluster:
        return self.clusters(job.search.placement.cluster_name)

    def _keep_slot(self, job: Job) -> None:
        """Renew the slot. Where that fails it is lost in a while, and the operation goes on."""
        try:
            self._cluster(job).take_slot(job.elb_job_id)
        except Unavailable as trouble:
            log.warning("slot of %s not renewed: %s", job.job_id, trouble)

    def overrides(self, job: Job) -> Overrides | None:
        """What elastic-blast did with other values than those it was given, if it tells.

        A file that is missing or cannot be read proves nothing. Raises Unavailable.
        """
        found = self.blobs.beginning(job.results_prefix + written_config.NAME, LARGEST)
        differing = overrides(found[0], job.search.placement) if found else None
        if differing:
            log.error("config_overridden job_id=%s: %s", job.job_id, differing)
        return differing


def _next_operation(job: Job) -> Job:
    """The job after its operation's time is over, whose end nobody saw."""
    return replace(job, operations=job.operations + 1, unseen_until=None, sidecar_instance=None)
