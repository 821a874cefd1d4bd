"""The activities over a small world and a real store, and the drivers of the jobs in it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

from activities.context import ActivityContext
from activities.wiring import Activities
from local.azurite import Azurite
from shared.clients.blobs import Blobs, open_blobs
from shared.clients.tables import Table, Write, open_table
from shared.contracts.activities import ActivityInput, ActivityName, Category, StepResult
from shared.contracts.job import Event, Job
from shared.contracts.states import Phase
from shared.contracts.storage_urls import DATABASES, QUERIES, RESULTS
from shared.errors import Unavailable
from shared.jobs import Index, JobStateRepository
from shared.settings import Settings
from tests.shared.jobs.conftest import Clock
from tests.simulation.driver import Driver
from tests.simulation.environment import SimulatedEnvironment
from tests.simulation.fakes import FakeCluster, FakeSidecar, QuickIndexer
from tests.simulation.models import CallLost
from tests.support import samples
from tests.support.reports import Reports
from tests.support.samples import publish_nothing
from triggers.durable_client import initial_state

NIGHT = timedelta(hours=12)
MOST_STEPS = 3000


class FaultyTable(Table):
    """A real table of which the world can say that it does not answer."""

    environment: SimulatedEnvironment | None = None

    async def commit(self, writes: Sequence[Write]) -> list[str]:
        try:
            if self.environment is None:
                return await super().commit(writes)
            act = partial(super().commit, writes)
            return await self.environment.ask("store", act)
        except CallLost as lost:
            raise Unavailable("storage_unavailable", "Tables did not answer") from lost


@dataclass
class Store:
    """One Azurite, with tables that many scenes share; each scene has ids of its own."""

    tables: tuple[FaultyTable, FaultyTable]
    blobs: Blobs
    settings: Settings

    @classmethod
    async def on(cls, azurite: Azurite, settings: Settings) -> "Store":
        name = f"w{uuid.uuid4().hex}"
        tables = [
            FaultyTable(open_table(name + kind, azurite.connection_string, "", None)._client)
            for kind in ("j", "i")
        ]
        account = settings.account
        blobs = open_blobs(account, azurite.connection_string, None)
        await blobs.ensure(QUERIES, DATABASES, RESULTS)
        for table in tables:
            await table.ensure()
        return cls((tables[0], tables[1]), blobs, settings)


@dataclass
class Scene:
    """Jobs of one small world. Steps are taken by drivers, or by hand."""

    store: Store
    clock: Clock = field(default_factory=Clock)
    drivers: dict[str, Driver] = field(default_factory=dict)
    woken: list[str] = field(default_factory=list)
    """The jobs whose orchestrations another one's activity has woken."""
    name: str = field(default_factory=lambda: uuid.uuid4().hex[:24])
    reports: Reports = field(default_factory=Reports)
    """What is reported to operators."""

    def __post_init__(self) -> None:
        url = f"https://stgelb.blob.core.windows.net/results/{self.name}"
        self.environment = SimulatedEnvironment(self.clock, self.store.blobs, url)
        jobs_table, index_table = self.store.tables
        jobs_table.environment = self.environment
        index = Index(index_table, self.store.settings.reconcile_after)
        telemetry = self.reports.telemetry()
        self.jobs = JobStateRepository(jobs_table, index, self.clock, telemetry)
        self.cluster, self.sidecar = FakeCluster(self.environment), FakeSidecar(self.environment)
        self.context = ActivityContext(
            self.jobs, self.store.settings, self.clock, publish_nothing, telemetry
        )
        activities = Activities(
            self.context,
            self.store.blobs,
            lambda name: self.cluster,
            self.sidecar,
            self,
            QuickIndexer(self.store.blobs),
        )
        self.methods: dict[ActivityName, Any] = dict(activities.methods())
        self.job_stopper = activities.job_stopper()

    async def perform(self, verb: ActivityName, input_: ActivityInput) -> StepResult:
        result = await self.methods[verb](input_)
        assert isinstance(result, StepResult)
        return result

    # Jobs.

    async def accept(self, number: int = 1, **changes: Any) -> Job:
        """A new job of this scene, without a driver."""
        job_id = f"job-{self.name}{number:08x}"
        now = self.clock()
        search = samples.search(results_url=self.environment.results_url)
        own_cluster = replace(search.placement, cluster_name=self.name)
        base = samples.job(
            job_id=job_id,
            elb_job_id=job_id,
            search=replace(search, placement=own_cluster),
            created_at=now,
            updated_at=now,
            deadline_at=now + self.store.settings.job_timeout,
        )
        return await self.jobs.create(replace(base, **changes), {})

    async def drive(self, job: Job) -> Driver:
        """Start its orchestration, or start it again after it was lost."""
        start = initial_state(
            await self.jobs.get(job.job_id), self.store.settings.retry(Category.CRASH)
        )
        self.drivers[job.job_id] = driver = Driver(self.clock, self.perform, start)
        return driver

    async def ensure_started(self, job: Job) -> None:
        """As an activity has an orchestration started."""
        if job.job_id not in self.drivers:
            await self.drive(job)

    async def wake(self, job: Job) -> None:
        """As an activity has one woken."""
        self.woken.append(job.job_id)
        if driver := self.drivers.get(job.job_id):
            driver.wake()

    async def cancel(self, job: Job) -> None:
        """Write a cancel request as the API does, without waking the orchestration."""
        now = await self.jobs.get(job.job_id)
        if not (now.phase.is_end or now.cancel_requested_at):
            await self.jobs.update(job.job_id, "cancel_requested", cancel_requested_at=self.clock())

    async def do(self, name: ActivityName, job: Job, **more: Any) -> StepResult:
        """Run one activity by hand, as the step after the row's, and not before a retry's time."""
        now = await self.jobs.get(job.job_id)
        if now.decision and now.decision.not_before and not now.should_stop(self.clock()):
            self.clock.now = max(self.clock.now, now.decision.not_before)
        return await self.perform(
            name, ActivityInput(job.job_id, now.step + 1, attempt=now.attempt, **more)
        )

    async def submitted(self, number: int = 1, **changes: Any) -> Job:
        """A job whose search runs on the cluster."""
        job = await self.accept(number, **changes)
        await self.do(ActivityName.PREPARE_SEARCH, job)
        await self.do(ActivityName.SUBMIT_SEARCH, job)
        now = await self.jobs.get(job.job_id)
        assert now.phase is Phase.SUBMITTED, now
        return now

    async def now(self, job: Job) -> Job:
        return await self.jobs.get(job.job_id)

    async def events(self, job: Job, name: str | None = None) -> list[Event]:
        found = await self.jobs.events(job.job_id)
        return [event for event in found if name in (None, event.event)]

    # Time.

    async def passes(self, seconds: float) -> None:
        """Let time pass without a step."""
        self.clock.move(seconds)
        await self.environment.settle()

    async def run(self, time: timedelta = NIGHT) -> None:
        """Let the drivers go on for so long, each when it is ready, in turn."""
        until = self.clock() + time
        for _ in range(MOST_STEPS):
            ready = [(at, driver) for driver in self.drivers.values() if (at := driver.ready_at)]
            at, driver = min(ready, key=lambda pair: pair[0], default=(until, None))
            if driver is None or at > until:
                break
            self.clock.now = max(self.clock.now, at)
            await driver.step()
            job_id = driver.start.job_id
            self.drivers[job_id] = self.drivers.pop(job_id)
        else:
            raise AssertionError(f"more than {MOST_STEPS} steps")
        self.clock.now = max(self.clock.now, until)
        await self.environment.settle()
