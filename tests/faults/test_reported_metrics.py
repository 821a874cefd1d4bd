"""R15: what the app reports of a run with faults and a kill, against its tables.

The stack has two worker processes, Azure Monitor's real distribution and a loopback endpoint.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from azure.storage.queue import QueueClient

from local.demo.client import RequestRejected
from local.demo.search import demo_request
from local.elastic_blast.fault_rules import FaultRule, JobFaultRule
from shared.contracts.states import Phase
from shared.dependencies import REQUESTS
from shared.telemetry import names
from tests.end_to_end.reporting import histories, reporting, totals, transitions
from tests.faults.conftest import QUICK, ProxiedStack, behind_proxies, hanging
from tests.faults.crashes import Crash, RetryingClient, When
from tests.faults.faults import Fault, FaultKind, RequestFilter
from tests.support.expected_metrics import (
    FROM_TRANSITIONS,
    Attributes,
    Report,
    Total,
    Totals,
    expected_totals,
    report_of,
    unreported,
)
from tests.support.ingestion import Ingestion, ingesting
from tests.support.samples import WORDS

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]
SECONDS = 60.0
FULL = {"category": "capacity", "message": "no nodes"}
FAULTS = (
    Fault(FaultKind.STATUS, times=None, share=0.03, seed=1),
    Fault(FaultKind.RESET_BEFORE, RequestFilter("sidecar"), times=None, share=0.1, seed=2),
    Fault(FaultKind.RESET_AFTER, times=None, share=0.02, seed=3),
)
"""Of storage, sidecar and cluster."""
REFUSED = {"validation_error": 2, "not_found": 1, "unknown_route": 1}
"""The refusals by code: a body and a message that are invalid, a job and a route that are not."""


@dataclass
class FaultRun:
    """The run, and what was received of it."""

    system: ProxiedStack
    ingestion: Ingestion

    def lost(self) -> Counter[Report]:
        """What has not been reported. Asserts that all else was once, and in the histories."""
        return unreported(histories(self.system.stack), transitions(self.ingestion))

    def found(self) -> Totals:
        return {name: totals(self.ingestion, name) for name in FROM_TRANSITIONS}

    def expected(self, lost: Counter[Report]) -> Totals:
        return dict(expected_totals(histories(self.system.stack), lost))

    def differences(self) -> list[object]:
        """What is not as the tables say."""
        missing: list[object] = list(self.lost().elements())
        found, expected = self.found(), self.expected(Counter())
        return missing + [
            (name, dict(key), one, other)
            for name in FROM_TRANSITIONS
            for key in {*found[name], *expected.get(name, {})}
            if not is_about(
                one := found[name].get(key, Total()), other := expected[name].get(key, Total())
            )
        ]

    def is_complete(self) -> bool:
        return not self.differences()

    def wait(self, until: Callable[[], bool]) -> None:
        """Wait for what arrives; a test asserts afterwards what it waits for."""
        self.ingestion.wait(until, SECONDS)

    def refusals(self) -> dict[str, float]:
        found = totals(self.ingestion, names.REFUSALS.name)
        return {dict(key)["code"]: total.sum for key, total in found.items()}

    def gauge(self, metric: names.Metric) -> Mapping[Attributes, float]:
        """The last values of a gauge."""
        rows = self.ingestion.rows("AppMetrics", metric.name)
        return {frozenset(row["Properties"].items()): row["Sum"] for row in rows}

    def reconciled(self) -> None:
        """Run reconcile, and wait until its gauges have arrived."""
        before = len(self.ingestion.rows("AppMetrics", names.POISON_LENGTH.name))
        self.system.reconcile()
        self.wait(lambda: len(self.ingestion.rows("AppMetrics", names.POISON_LENGTH.name)) > before)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultRun]:
    with ingesting() as ingestion:
        folder = tmp_path_factory.mktemp("fault_run")
        stack = reporting(folder, ingestion.connection_string, QUICK, workers=2)
        with behind_proxies(stack) as system:
            yield FaultRun(system, ingestion)


def is_about(one: Total, other: Total) -> bool:
    """Whether they are equal."""
    return one.sum == pytest.approx(other.sum, abs=0.001)


def test_r15_metrics_of_a_run_with_faults_are_what_the_tables_say(run: FaultRun) -> None:
    with run.system.faults(*FAULTS) as active:
        ended = run_with_faults(run.system)
        refuse(run.system)
    assert all(fault.met for fault in active)
    run.wait(run.is_complete)
    assert run.differences() == []
    found = run.found()
    assert all(found.values())
    phases = Counter(dict(key)["phase"] for key in found["blast.jobs.ended"])
    assert {"completed", "cancelled", "search_failed"} == {*phases}
    assert sum(total.sum for total in found["blast.jobs.ended"].values()) == ended
    run.wait(lambda: run.refusals() == REFUSED)
    assert run.refusals() == REFUSED


def run_with_faults(system: ProxiedStack) -> int:
    """Searches that end in each way; returns how many attempts of jobs ended."""
    client = RetryingClient(system)
    retried = system.add_fault(lambda id: FaultRule(id, call=1, answer=FULL, exit_code=10))
    fails = JobFaultRule(fail_attempts=9, stderr=WORDS)
    failing = system.add_fault(lambda id: FaultRule(id, jobs=fails))
    endless = system.add_fault(hanging)
    keys = [retried, failing, endless, *(system.new_key() for _ in range(5))]
    for key in keys:
        client.send(lambda key=key: system.submit(key))  # type: ignore[misc]
    ids = {key: system.id_of(key) for key in keys}
    batch = client.send(lambda: system.submit(system.new_key(), searches=[{}, {}]))
    assert batch
    system.until_in(ids[endless], Phase.RUNNING)
    client.send(lambda: system.api.cancel(ids[endless]))
    for job_id in [*ids.values(), batch]:
        system.until_in(job_id, Phase.COMPLETED)
    client.send(lambda: system.api.retry(ids[failing], **{"x-request-id": "again"}))
    system.until_event(ids[failing], "retry_requested")
    system.until_in(ids[failing], Phase.COMPLETED)
    return len(ids) + 1 + 1 + 2  # the batch, the second attempt, and the batch's searches


def refuse(system: ProxiedStack) -> None:
    """Send what is refused: two requests, a message, and a request of no route."""
    client = RetryingClient(system)

    def refused(send: Callable[[], object]) -> None:
        with pytest.raises(RequestRejected) as rejected:
            client.send(send)
        assert rejected.value.status < 500

    refused(lambda: system.api.submit(demo_request() | {"program": "blastz"}))
    refused(lambda: system.api.job(f"job-{'0' * 32}"))
    refused(lambda: system.api.get("/api/no/such/route"))
    with queue(system) as requests:
        requests.send_message('{"program": "blastz"}')


def queue(system: ProxiedStack, name: str = REQUESTS) -> QueueClient:
    return QueueClient.from_connection_string(system.stack.azurite.connection_string, name)


def test_r15_the_gauges_are_what_the_tables_and_queues_say(run: FaultRun) -> None:
    """While one search runs, and another one waits for nodes."""
    system = run.system
    endless = system.submit(system.add_fault(hanging))
    began = datetime.now(UTC)
    full = system.add_fault(lambda id: FaultRule(id, answer=FULL, exit_code=10))
    waiting = system.submit(full)
    system.until_in(endless, Phase.RUNNING)
    system.until_event(waiting, "retry_scheduled")
    with queue(system) as requests:
        requests.send_message("later", visibility_timeout=3600)
        phases = Counter(
            history.job.phase for history in histories(system.stack) if not history.job.phase.is_end
        )
        for _ in range(5):  # the phase in the index is that of the last check time
            run.reconciled()
            active = {dict(key)["phase"]: n for key, n in run.gauge(names.JOBS_ACTIVE).items()}
            if +Counter(active) == phases:
                break
        assert phases == {Phase.RUNNING: 1, Phase.WAITING_FOR_CAPACITY: 1}
        assert active == {phase.value: phases[phase] for phase in Phase if not phase.is_end}
        length = requests.get_queue_properties().approximate_message_count
        assert run.gauge(names.QUEUE_LENGTH) == {frozenset(): length}
        assert length == 1
        requests.clear_messages()
    assert run.gauge(names.POISON_LENGTH) == {frozenset(): 0}
    (age,) = run.gauge(names.OLDEST_WAITING).values()
    assert 0 < age < (datetime.now(UTC) - began).total_seconds()
    for job_id in (endless, waiting):
        system.api.cancel(job_id)
        system.ended(job_id)


def test_r15_a_kill_costs_reports_of_the_killed_processes_only(run: FaultRun) -> None:
    """Emission is at most once: never more, and fewer by what was not yet exported at the kill."""
    system, client = run.system, RetryingClient(run.system)
    run.wait(run.is_complete)
    assert run.differences() == []
    known = {report for history in histories(system.stack) for report in history.reports()}
    job_ids = [system.submit() for _ in range(3)]
    where = RequestFilter("table", shape=r"\$batch submitted")
    with Crash(system, 1, When.AFTER, where).armed() as crash:
        assert crash.killed.wait(SECONDS)
    at_kill = [event for history in histories(system.stack) for event in history.events]
    killed = {report_of(event) for event in at_kill} - known
    for job_id in job_ids:
        assert client.follow(job_id) is Phase.COMPLETED
    later = system.submit()
    assert client.follow(later) is Phase.COMPLETED
    run.wait(lambda: {*run.lost()} <= killed and is_within(run, killed))
    lost = run.lost()
    assert {*lost} <= killed
    assert ("submitted", 1) in Counter(event for _, event, *_ in lost.elements()).items()
    assert is_within(run, killed)


def is_within(run: FaultRun, killed: set[Report]) -> bool:
    """Whether each metric is at most what the tables say, and at least that without `killed`."""
    found = run.found()
    most, least = run.expected(Counter()), run.expected(Counter(killed))
    return all(
        least.get(name, {}).get(key, Total()).sum - 0.001
        <= found[name].get(key, Total()).sum
        <= total.sum + 0.001
        for name in FROM_TRANSITIONS
        for key, total in most.get(name, {}).items()
    )
