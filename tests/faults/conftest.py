"""Everything behind proxies: the app, and only the app, reaches its servers through them."""

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

from local.demo.queries import DEMO_DATABASE, DEMO_FASTA, demo_queries
from local.elastic_blast.behaviours import FaultRule, JobFaultRule, write_fault_rules
from local.elastic_blast.databases import upload_database
from local.stack import Stack
from shared.contracts.states import Phase
from shared.dependencies import JOBS_TABLE
from tests.end_to_end import conftest as end_to_end
from tests.faults.faults import Fault, InForce
from tests.faults.proxy import Proxies
from triggers.auth.callers import LOCAL
from triggers.submission.accept import derived_id

QUICK = {
    "BLAST_POLL_SCHEDULE": "400ms",
    "BLAST_RECONCILE_AFTER": "1s",
    "BLAST_RESULTS_GRACE": "2s",
    "BLAST_RETRY_TRANSIENT": "100ms x1.5 1s 5",
    "BLAST_RETRY_UNKNOWN": "100ms x1.5 1s 5",
    "BLAST_RETRY_CRASH": "100ms x1.5 1s 5",
    "BLAST_RETRY_CAPACITY": "100ms x1.5 1s -",
    "BLAST_RETRY_CONFLICT": "100ms x1.5 1s -",
    "BLAST_RETRY_SUBMIT_SLOT": "100ms x1.5 1s -",
    "BLAST_RETRY_CONFIGURATION": "100ms x1.5 1s -",
}
TINY = {"query_data": demo_queries().partition("\n>")[0]}
"""What makes of the demo's search one batch, with hits."""


COMPLETED_ONCE = ("accepted", "config_written", "submitted", "exporting_results", "completed")
CANCELLED_ONCE = ("accepted", "config_written", "submitted", "cancel_requested", "cancelled")
EVERY = 0.02
ENDS = {phase.value for phase in Phase if phase.is_end}


def hanging(job_id: str) -> FaultRule:
    """A search that never ends."""
    return FaultRule(key=job_id, jobs=JobFaultRule(hang=True))


@dataclass
class World(end_to_end.StackFixture):
    """The running stack, as tests speak to it; they speak to its parts directly."""

    proxies: Proxies = field(default_factory=Proxies)
    _starting: threading.Lock = field(default_factory=threading.Lock)

    def submit(self, key: str | None = None, **changes: Any) -> str:
        """Submit a search of one batch, changed so; the job's id."""
        return super().submit(key, **(TINY | changes))

    def restart_host(self) -> None:
        with self._starting:
            super().restart_host()

    def revive_host(self) -> None:
        """Start the app again if it is dead."""
        with self._starting:
            if not self.stack.host.alive:
                self.stack.host = self.stack.start_host()

    def new_key(self) -> str:
        return uuid.uuid4().hex

    def id_of(self, key: str) -> str:
        """The id of the job that this key stands for, whether it is there or not."""
        return derived_id(LOCAL, key)

    def row(self, job_id: str) -> Mapping[str, Any]:
        """The job's row, read past the app, which may be dead."""
        return self._table.get_entity(job_id, "job")

    def rows(self, job_id: str) -> list[Mapping[str, Any]]:
        """All rows of the job, its state and its events, read past the app."""
        found = self._table.query_entities("PartitionKey eq @job", parameters={"job": job_id})
        return [dict(row) for row in found]

    def until_told(self, job_id: str, event: str) -> None:
        """Return once the history has the event; it is read past the app."""
        self._until(lambda: any(row.get("event") == event for row in self.rows(job_id)), event)

    def until_in(self, job_id: str, phase: Phase) -> None:
        """Return once the job is in a phase; it is read past the app."""
        self._until(lambda: self.row(job_id)["phase"] in (phase, *ENDS), phase)

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        by, pause = time.monotonic() + end_to_end.PATIENCE, threading.Event()
        while not holds():
            assert time.monotonic() < by, f"there is no {what} yet"
            pause.wait(EVERY)

    def troubled(self, *rules: FaultRule) -> None:
        """Put these rules of the local elastic-blast in force, beside those before."""
        self.rules += rules
        write_fault_rules(self.stack.world.fault_rules, *self.rules)

    def listed(self, job_id: str) -> dict[str, Any]:
        """The job as the list of jobs shows it."""
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

    def assert_told_once(self, job_id: str, once: Sequence[str], submissions: int) -> None:
        """The history has no gap, each of these events once and one end; so often it was run."""
        events = self.events(job_id)
        assert [events.count(name) for name in once] == [1] * len(once), events
        ends = [event for event in events if event in ENDS]
        assert ends == events[-1:], events
        assert self.submissions(job_id) == submissions

    def assert_results(self, job_id: str, batches: int) -> None:
        """As many results as batches are listed, and can be read."""
        found = [gzip.decompress(data) for _, data in self.api.files(job_id)]
        assert len(found) == batches
        assert all(found)

    def assert_nothing_is_left(self, job_id: str) -> None:
        assert self.cluster.jobs_of(job_id) == []
        assert self.cluster.pods_of(job_id) == []
        assert self.processes_of(job_id) == []

    def assert_nothing_was_begun(self, job_id: str) -> None:
        assert self.submissions(job_id) == 0
        self.assert_nothing_is_left(job_id)

    @contextmanager
    def faults(self, *faults: Fault) -> Iterator[list[InForce]]:
        """Put faults in force."""
        with ExitStack() as stack:
            yield [stack.enter_context(self.proxies.fault(one)) for one in faults]


@contextmanager
def behind_proxies(stack: Stack) -> Iterator[World]:
    """Start a stack behind proxies, with the demo's database in it."""
    world = World(stack)
    stack.proxy = world.proxies.through
    try:
        stack.start()
        upload_database(DEMO_FASTA, DEMO_DATABASE, stack.world)
        yield world
    finally:
        stack.stop()
        world.proxies.stop()


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with behind_proxies(Stack(tmp_path_factory.mktemp("faults"), settings=QUICK)) as world:
        yield world


@pytest.fixture
def world(running: World) -> World:
    """The one stack of this test process; jobs keep apart by their ids."""
    return running


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--jobs", type=int, default=200, help="how many jobs at once")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_Progress(config), "faults-progress")


@dataclass(frozen=True)
class _Progress:
    """Prints what tests have to say with `record_property("said", ...)`, as they end."""

    config: pytest.Config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        terminal = self.config.pluginmanager.get_plugin("terminalreporter")
        for name, said in report.user_properties:
            if terminal and name == "said" and report.when == "call":
                terminal.write_line(f"{report.outcome}, {report.duration:.1f} s: {said}")
