"""The stack with proxies between the app and its servers; nothing else uses the proxies."""

import gzip
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableClient

from local.demo.queries import demo_queries
from local.elastic_blast.fault_rules import FaultRule, JobFaultRule, write_fault_rules
from local.stack import Stack
from shared.contracts.activities import Category
from shared.contracts.states import Phase
from shared.dependencies import JOBS_TABLE
from tests.end_to_end import conftest as end_to_end
from tests.faults.faults import ActiveFault, Fault
from tests.faults.proxy import Proxies
from tests.support.retries import retry_settings
from triggers.auth.callers import LOCAL
from triggers.submission.accept import derived_id

QUICK = {
    "BLAST_POLL_SCHEDULE": "400ms",
    "BLAST_RECONCILE_AFTER": "1s",
    "BLAST_RESULTS_GRACE": "2s",
    **retry_settings(*Category, first="100ms", factor="1.5", longest="1s"),
    **retry_settings(Category.TRANSIENT, Category.UNKNOWN, Category.CRASH, tries="5"),
}
TINY = {"query_data": demo_queries().partition("\n>")[0]}
"""Changes the demo's search to a single batch with hits."""


COMPLETED_ONCE = ("accepted", "config_written", "submitted", "exporting_results", "completed")
CANCELLED_ONCE = ("accepted", "config_written", "submitted", "cancel_requested", "cancelled")
POLL_SECONDS = 0.02
ENDS = {phase.value for phase in Phase if phase.is_end}


def hanging(job_id: str) -> FaultRule:
    """A rule for a search that never ends."""
    return FaultRule(key=job_id, jobs=JobFaultRule(hang=True))


@dataclass
class ProxiedStack(end_to_end.StackFixture):
    """The running stack behind proxies; tests themselves reach its parts directly."""

    proxies: Proxies = field(default_factory=Proxies)
    _starting: threading.Lock = field(default_factory=threading.Lock)

    def submit(self, key: str | None = None, **changes: Any) -> str:
        """Submit a search of one batch, with changes; returns the job's id."""
        return super().submit(key, **(TINY | changes))

    def restart_host(self) -> None:
        with self._starting:
            super().restart_host()

    def revive_host(self) -> None:
        """Start the host again if it is not running."""
        with self._starting:
            if not self.stack.host.alive:
                self.stack.host = self.stack.start_host()

    def new_key(self) -> str:
        return uuid.uuid4().hex

    def id_of(self, key: str) -> str:
        """The job id derived from a key, whether the job exists or not."""
        return derived_id(LOCAL, key)

    def row(self, job_id: str) -> Mapping[str, Any]:
        """The job's row, read from the table directly."""
        return self._table.get_entity(job_id, "job")

    def rows(self, job_id: str) -> list[Mapping[str, Any]]:
        """All rows of the job, state and events, read from the table directly."""
        entities = self._table.query_entities("PartitionKey eq @job", parameters={"job": job_id})
        return [dict(row) for row in entities]

    def until_event(self, job_id: str, event: str) -> None:
        """Wait until the job's rows contain the event."""
        self.until_true(lambda: any(row.get("event") == event for row in self.rows(job_id)), event)

    def until_in(self, job_id: str, phase: Phase) -> None:
        """Wait until the job's row has the phase, or an end phase."""
        self.until_true(lambda: self.row(job_id)["phase"] in (phase, *ENDS), phase)

    def until_true(self, condition: Callable[[], bool], expected: str) -> None:
        """Wait until a condition holds; `expected` names it."""
        deadline, pause = time.monotonic() + end_to_end.TIMEOUT_SECONDS, threading.Event()
        while not condition():
            assert time.monotonic() < deadline, f"{expected} was not reached in time"
            pause.wait(POLL_SECONDS)

    def add_rules(self, *rules: FaultRule) -> None:
        """Add fault rules for the local elastic-blast."""
        self.rules += rules
        write_fault_rules(self.stack.environment.fault_rules, *self.rules)

    def listed(self, job_id: str) -> dict[str, Any]:
        """The job's entry in the list of jobs."""
        jobs: list[dict[str, Any]] = self.api.jobs(limit=500)["jobs"]
        return next(job for job in jobs if job["job_id"] == job_id)

    def has_row(self, job_id: str) -> bool:
        try:
            return bool(self.row(job_id))
        except ResourceNotFoundError:
            return False

    @cached_property
    def _table(self) -> TableClient:
        connection = self.stack.azurite.connection_string
        return TableClient.from_connection_string(connection, JOBS_TABLE)

    def assert_events_once(self, job_id: str, once: Sequence[str], submissions: int) -> None:
        """Assert one occurrence of each event and of an end, and the number of submissions."""
        events = self.events(job_id)
        assert [events.count(name) for name in once] == [1] * len(once), events
        ends = [event for event in events if event in ENDS]
        assert ends == events[-1:], events
        assert self.submissions(job_id) == submissions

    def assert_results(self, job_id: str, batches: int) -> None:
        """Assert that one readable result per batch is listed."""
        results = [gzip.decompress(data) for _, data in self.api.files(job_id)]
        assert len(results) == batches
        assert all(results)

    def assert_nothing_is_left(self, job_id: str) -> None:
        assert self.cluster.jobs_of(job_id) == []
        assert self.cluster.pods_of(job_id) == []
        assert self.processes_of(job_id) == []

    def assert_nothing_started(self, job_id: str) -> None:
        assert self.submissions(job_id) == 0
        self.assert_nothing_is_left(job_id)

    @contextmanager
    def faults(self, *faults: Fault) -> Iterator[list[ActiveFault]]:
        """Activate faults while the context is open."""
        with ExitStack() as stack:
            yield [stack.enter_context(self.proxies.fault(fault)) for fault in faults]


@contextmanager
def behind_proxies(stack: Stack) -> Iterator[ProxiedStack]:
    """Start a stack behind proxies, with the demo's database."""
    system = ProxiedStack(stack)
    stack.proxy = system.proxies.add_proxy
    try:
        with end_to_end.started(stack):
            yield system
    finally:
        system.proxies.stop()


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxiedStack]:
    with behind_proxies(Stack(tmp_path_factory.mktemp("faults"), settings=QUICK)) as system:
        yield system


@pytest.fixture
def system(running: ProxiedStack) -> ProxiedStack:
    """The stack shared by this test process; jobs are separated by their ids."""
    return running


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--jobs", type=int, default=200, help="the number of jobs at once")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_Progress(config), "faults-progress")


@dataclass(frozen=True)
class _Progress:
    """Prints the `record_property("summary", ...)` of each test at its end."""

    config: pytest.Config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        terminal = self.config.pluginmanager.get_plugin("terminalreporter")
        for name, summary in report.user_properties:
            if terminal and name == "summary" and report.when == "call":
                terminal.write_line(f"{report.outcome}, {report.duration:.1f} s: {summary}")
