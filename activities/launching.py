"""Starting elastic-blast, once: look first, under the cluster's submit slot (R1, R2)."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from activities.clearing import operation_id
from activities.conclusion import is_submitted
from activities.outside import Cluster, Clusters, Sidecar
from activities.steps import Desk
from activities.turns import Turns
from shared.clients.blobs import Blobs
from shared.clients.kubernetes import Slot
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.elastic_blast import written_config
from shared.elastic_blast.command import submit_argv
from shared.elastic_blast.written_config import LARGEST, Overrides, overrides
from shared.errors import Unavailable
from shared.exec_results import Command, Refused, Result, Running, Unreachable
from shared.results import ANNOUNCED, number_in

log = logging.getLogger("blast")
PATIENCE = timedelta(seconds=5)
"""How long one step waits for a submission, and so the longest that a cancel waits for the step."""


@dataclass(frozen=True)
class Launch:
    """May be said again at any point: what was started is found, and never started twice."""

    desk: Desk
    blobs: Blobs
    clusters: Clusters
    sidecar: Sidecar
    turns: Turns

    def attend(self, job: Job) -> Result | Slot | str:
        """The result as far as there is one, a busy slot, or how an earlier try has gone.

        Raises Unavailable: a look that fails does not mean that nothing is there.
        """
        return self._ongoing(job) or self._begun(job)

    def overrides(self, job: Job) -> Overrides | None:
        """What elastic-blast did with other values than those it was given, if it tells.

        A file that is missing or cannot be read proves nothing. Raises Unavailable.
        """
        found = self.blobs.beginning(job.results_prefix + written_config.NAME, LARGEST)
        differing = overrides(found[0], job.search.placement) if found else None
        if differing:
            log.error("config_overridden job_id=%s: %s", job.job_id, differing)
        return differing

    def _ongoing(self, job: Job) -> Result | str | None:
        """How the operation stands that was started before; None if there is none."""
        if job.phase is Phase.WAITING_FOR_SUBMIT_SLOT:
            return None  # while it waits for the slot, nothing of it can have begun
        result = self.sidecar.look(operation_id(job), PATIENCE)
        if isinstance(result, Running):
            self._keep_slot(job)
        if isinstance(result, Refused | Unreachable):
            return self._adoptable(job) or result
        return result

    def _adoptable(self, job: Job) -> str | None:
        """How a submission went that its sidecar cannot tell of, if the cluster can."""
        try:
            return self._already_there(job)
        except Unavailable:
            return None  # the trouble of the sidecar is reason enough for another try

    def _begun(self, job: Job) -> Result | Slot | str:
        slot = self.turns.take(job)
        if not slot.held and job.phase is Phase.WAITING_FOR_SUBMIT_SLOT:
            return slot
        if found := self._already_there(job):
            return found
        return self._start(job) if slot.held else slot

    def _already_there(self, job: Job) -> str | None:
        """How an earlier try, whose end nobody saw, went: its Jobs or its markers tell."""
        announced = number_in(self.blobs.get(job.results_prefix + ANNOUNCED))
        if is_submitted(self._cluster(job).jobs_of(job.elb_job_id), announced):
            return "resumed"
        markers = ("metadata/SUCCESS.txt", "metadata/FAILURE.txt")
        if any(self.blobs.exists(job.results_prefix + marker) for marker in markers):
            return "already_done"
        return None

    def _start(self, job: Job) -> Result:
        command = self._command(job)
        operations = self.sidecar.has_operations()
        if not isinstance(operations, bool):
            return operations
        if not operations:
            if job.unseen_until and self.desk.now() < job.unseen_until:
                return Running(job.updated_at.isoformat())
            # Written down before it begins: whoever comes after a crash must not begin another.
            until = self.desk.now() + command.timeout + PATIENCE
            self.desk.jobs.update(job.job_id, "submitting_unseen", unseen_until=until)
        return self.sidecar.run_operation(operation_id(job), command, PATIENCE)

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
