"""Searches that end in each way, and what Azure Monitor's endpoint gets of them."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pytest
from azure.storage.queue import QueueClient

from local.demo.client import RequestRejected
from local.demo.queries import demo_queries
from local.demo.search import demo_request
from local.elastic_blast.fault_rules import FaultRule, JobFaultRule
from shared.contracts.states import Phase
from shared.dependencies import REQUESTS
from shared.telemetry import names
from tests.end_to_end.reporting import histories, totals, transitions
from tests.faults.conftest import ProxiedStack, hanging
from tests.faults.crashes import RetryingClient
from tests.support.expected_metrics import (
    FROM_TRANSITIONS,
    Attributes,
    Report,
    Total,
    Totals,
    expected_totals,
    unreported,
)
from tests.support.ingestion import Ingestion
from tests.support.samples import WORDS

SECONDS = 60.0
FULL = {"category": "capacity", "message": "no nodes"}
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


def is_about(one: Total, other: Total) -> bool:
    """Whether they are equal."""
    return one.sum == pytest.approx(other.sum, abs=0.001)


def run_with_faults(system: ProxiedStack) -> int:
    """Searches that end in each way; returns how many attempts of jobs ended."""
    client = RetryingClient(system)
    retried = system.add_fault(lambda id: FaultRule(id, call=1, answer=FULL, exit_code=10))
    fails = JobFaultRule(fail_attempts=9, stderr=WORDS)
    failing = system.add_fault(lambda id: FaultRule(id, jobs=fails))
    second_fails = replace(fails, batches=(1,))
    failing_late = system.add_fault(lambda id: FaultRule(id, jobs=second_fails))
    endless = system.add_fault(hanging)
    keys = [retried, failing, endless, *(system.new_key() for _ in range(5))]
    for key in keys:
        client.send(lambda key=key: system.submit(key))  # type: ignore[misc]
    client.send(lambda: system.submit(failing_late, query_data=demo_queries()))
    ids = {key: system.id_of(key) for key in [*keys, failing_late]}
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
