"""Submitting a search: the config is written once, and elastic-blast is started once (R1, R2)."""

from dataclasses import dataclass
from datetime import timedelta

from activities.conclusion import is_submitted
from activities.steps import Desk
from shared.clients.blobs import Blobs
from shared.clients.kubernetes import Cluster
from shared.clients.sidecar import Sidecar
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.contracts.steps import Category, Order, Report, Verb
from shared.elastic_blast.command import submit_argv
from shared.elastic_blast.config import render
from shared.elastic_blast.judgement import Kind, Outcome, judge
from shared.errors import Unavailable
from shared.exec_results import Command, Finished, Interrupted
from shared.results import ANNOUNCED, number_in
from shared.storage_urls import QUERIES, Account

PATIENCE = timedelta(seconds=5)
"""How long one step waits for a submission, and so the longest that a cancel waits for the step."""


@dataclass(frozen=True)
class Submission:
    """Its verbs answer with a Report and may be said twice."""

    desk: Desk
    blobs: Blobs
    cluster: Cluster
    sidecar: Sidecar

    def prepare(self, order: Order) -> Report:
        """Write the config that every attempt to submit will use."""
        return self.desk.take(Verb.PREPARE, order, self._prepare)

    def submit(self, order: Order) -> Report:
        """Start elastic-blast, or find that it was started; wait a little for what it says."""
        return self.desk.take(Verb.SUBMIT, order, self._submit)

    def _prepare(self, job: Job, order: Order) -> Report:
        settings = self.desk.settings
        account = Account(job.search.placement.storage_account, settings.storage_suffix)
        url = account.url(QUERIES, f"{job.job_id}/{job.elb_job_id}.ini")
        self.blobs.put_first(url, render(job.search).encode())
        report = Report(Phase.SUBMITTING, Verb.SUBMIT)
        return self.desk.note(
            job, order, report, "configured", {"config_blob": url}, config_blob=url
        )

    def _submit(self, job: Job, order: Order) -> Report:
        name = operation_id(job)
        result = self.sidecar.look(name, PATIENCE)
        if result is None:
            try:
                found = self._already_there(job)
            except Unavailable as trouble:
                outcome = Outcome(Kind.AGAIN, trouble.code, str(trouble), Category.TRANSIENT)
                return self._again(job, order, outcome, job.operations)
            if found:
                return self._landed(job, order, found)
            result = self.sidecar.run_operation(name, self._command(job), PATIENCE)
        outcome = judge(result)
        match outcome.kind:
            case Kind.PENDING:
                return Report(job.phase, Verb.SUBMIT)
            case Kind.ACCEPTED | Kind.DONE:
                took = result.duration if isinstance(result, Finished) else timedelta(0)
                return self._landed(job, order, outcome.code, took)
            case Kind.AGAIN:
                ended = isinstance(result, Finished | Interrupted)
                return self._again(job, order, outcome, job.operations + ended)
            case Kind.REFUSED:
                end = outcome.end or Phase.SUBMIT_FAILED
                return self.desk.end(job, order, end, outcome.code, outcome.message)

    def _already_there(self, job: Job) -> str | None:
        """How an earlier attempt, whose end nobody saw, went: its Jobs or its markers tell.

        Raises Unavailable: a look that fails does not mean that nothing is there.
        """
        announced = number_in(self.blobs.get(job.results_prefix + ANNOUNCED))
        if is_submitted(self.cluster.jobs_of(job.elb_job_id), announced):
            return "resumed"
        markers = ("metadata/SUCCESS.txt", "metadata/FAILURE.txt")
        if any(self.blobs.exists(job.results_prefix + marker) for marker in markers):
            return "already_done"
        return None

    def _command(self, job: Job) -> Command:
        config = self.blobs.get(job.config_blob) if job.config_blob else None
        if config is None:
            raise LookupError(f"the config of {job.job_id} is gone: {job.config_blob}")
        argv = submit_argv(job.elb_job_id, job.job_id)
        return Command(argv, config.decode(), self.desk.settings.submit_timeout)

    def _landed(
        self, job: Job, order: Order, decision: str, took: timedelta = timedelta(0)
    ) -> Report:
        wait = self.desk.settings.watch_pace.at(timedelta(0))
        return self.desk.note(
            job,
            order,
            Report(Phase.SUBMITTED, Verb.OBSERVE, wait),
            "submitted",
            {"decision": decision, "took_seconds": took.total_seconds()},
            started_at=self.desk.now(),
            tries={},
        )

    def _again(self, job: Job, order: Order, outcome: Outcome, operations: int) -> Report:
        """Schedule another try, as its category allows, or end the job after the last one (R3)."""
        category = outcome.category or Category.UNKNOWN
        tries = {**job.tries, category: job.tries.get(category, 0) + 1}
        wait = self.desk.settings.retry(category).wait(tries[category], outcome.retry_after)
        if wait is None:
            return self.desk.end(job, order, Phase.SUBMIT_FAILED, outcome.code, outcome.message)
        waits_for_capacity = category is Category.CAPACITY
        phase = Phase.WAITING_FOR_CAPACITY if waits_for_capacity else Phase.RETRYING
        return self.desk.note(
            job,
            order,
            Report(phase, Verb.SUBMIT, wait, {"code": outcome.code}),
            "retry_scheduled",
            {
                "category": category.value,
                "attempt": tries[category],
                "retry_after_seconds": wait.total_seconds(),
                "error_code": outcome.code,
                "error": outcome.message,
            },
            tries=tries,
            operations=operations,
            error_code=outcome.code,
            error=outcome.message,
            reason=f"{outcome.code}: tried again at {self.desk.now() + wait:%H:%M:%S} UTC",
        )


def operation_id(job: Job) -> str:
    """The name of the submit operation that is running, or comes next, on the sidecar.

    It changes only once the one before has been seen to end, so that no two can run at a time.
    """
    return f"submit-{job.elb_job_id}-{job.operations}"
