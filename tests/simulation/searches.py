"""The state machine of several searches on one cluster, for hypothesis."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import wraps
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from shared.contracts.activities import ActivityInput, ActivityName
from shared.contracts.job import Job
from shared.contracts.states import LeftOnCluster
from shared.errors import Conflict
from tests.simulation.invariants import Ends, check_ended, check_now
from tests.simulation.models import CallFault, Plan, trouble
from tests.simulation.reported import check_reported
from tests.simulation.scene import Scene, Store
from tests.support.samples import ALICE, search
from triggers.submission.accept import SubmissionService
from triggers.submission.parse import Submission

DAY = timedelta(hours=24)
PLANS = [
    Plan(),
    Plan(takes=timedelta(minutes=4)),
    Plan(takes=timedelta(minutes=40)),
    Plan(says=trouble("capacity")),
    Plan(says=trouble("transient"), leaves=True),
    Plan(says=trouble("invalid"), leaves=True),
    Plan(says="no JSON at all", leaves=True),
]


def blocking(method: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Let hypothesis, which runs in a thread, call an async method on the test's event loop."""

    @wraps(method)
    def run(self: "Searches", **arguments: Any) -> None:
        asyncio.run_coroutine_threadsafe(method(self, **arguments), self.loop).result()

    return run


class Searches(RuleBasedStateMachine):
    """Several jobs of one cluster, and everything that befalls them."""

    def __init__(self, store: Store, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.loop = loop
        self.scene = scene = Scene(store)
        self.environment = scene.environment
        self.acceptance = SubmissionService(scene.jobs, store.blobs, store.settings, scene.clock)
        self.ids: list[str] = []
        self.seen: list[Job] = []
        """The jobs as they were after the last rule."""
        self.ends: Ends = {}
        self.crashes: list[list[str]] = []

    async def job(self, number: int) -> Job:
        return await self.scene.jobs.get(self.ids[number % len(self.ids)])

    async def drive(self, job: Job) -> None:
        self.crashes.append((await self.scene.drive(job)).crashes)

    @initialize(
        operations=st.booleans(),
        batches=st.sampled_from([None, timedelta(minutes=10)]),
        plan=st.sampled_from(PLANS),
        minutes=st.sampled_from([0.1, 3, 8]),
    )
    @blocking
    async def begin(
        self, operations: bool, batches: timedelta | None, plan: Plan, minutes: float
    ) -> None:
        self.environment.with_operations, self.environment.batch_time = operations, batches
        self.environment.usual = plan
        for key in (1, 2):
            await self.accept(key, "a")
        await self.scene.run(timedelta(minutes=minutes))

    # What people do.

    @rule(key=st.integers(1, 3), request=st.sampled_from(["a", "a", "b"]))
    @blocking
    async def submit(self, key: int, request: str) -> None:
        await self.accept(key, request)

    async def accept(self, key: int, request: str) -> None:
        one = search(results_url=self.environment.results_url)
        submission = Submission(
            search=one,
            query_text=None,
            idempotency_key=None,
            correlation_id=None,
            request_id=None,
            fingerprint=request * 64,
            warnings=(),
        )
        known = await self.all()
        try:
            accepted = await self.acceptance.accept(
                submission, ALICE, f"{self.scene.name}/{key}", "http"
            )
        except Conflict:
            assert await self.all() == known
            return
        assert accepted.job.fingerprint == request * 64
        assert accepted.replayed is (accepted.job.job_id in self.ids)
        if not accepted.replayed:
            self.ids.append(accepted.job.job_id)
            await self.drive(accepted.job)

    @precondition(lambda self: self.ids)
    @rule(number=st.integers(0, 2), is_heard=st.booleans())
    @blocking
    async def cancel(self, number: int, is_heard: bool) -> None:
        job = await self.job(number)
        await self.scene.cancel(job)
        if is_heard:
            self.scene.drivers[job.job_id].wake()

    @precondition(lambda self: self.ids)
    @rule(number=st.integers(0, 2))
    @blocking
    async def cancel_in_the_middle_of_a_step(self, number: int) -> None:
        job = await self.job(number)
        self.environment.meanwhile = lambda: self.scene.cancel(job)

    @precondition(lambda self: any(job.phase.is_failure for job in self.seen))
    @rule()
    @blocking
    async def retry(self) -> None:
        job = next(job for job in self.seen if job.phase.is_failure)
        deadline = self.scene.store.settings.job_timeout
        for _ in range(2):
            again = await self.scene.jobs.start_attempt(job.job_id, job.attempt + 1, deadline)
            assert again.attempt == job.attempt + 1
        await self.drive(again)

    # What happens outside of the app.

    @rule(minutes=st.sampled_from([0.1, 1, 1, 5, 20, 60, 200]))
    @blocking
    async def time_passes(self, minutes: float) -> None:
        await self.scene.run(timedelta(minutes=minutes))

    @precondition(lambda self: self.ids)
    @rule(number=st.integers(0, 2), well=st.booleans())
    @blocking
    async def a_batch_ends(self, number: int, well: bool) -> None:
        await self.environment.end_batch((await self.job(number)).elb_job_id, well)

    @precondition(lambda self: self.ids)
    @rule(number=st.integers(0, 2), why=st.sampled_from([None, "Unschedulable"]))
    @blocking
    async def pods_wait(self, number: int, why: str | None) -> None:
        for one in self.environment.present((await self.job(number)).elb_job_id):
            one.waiting, one.attempts = why, one.attempts + 1

    @precondition(lambda self: self.ids)
    @rule(number=st.integers(0, 2), apps=st.sampled_from([(), ("blast",), ("finalizer",)]))
    @blocking
    async def jobs_are_deleted_behind_our_back(self, number: int, apps: tuple[str, ...]) -> None:
        self.environment.delete((await self.job(number)).elb_job_id, *apps)

    @rule(plan=st.sampled_from(PLANS))
    def submissions_go_so(self, plan: Plan) -> None:
        self.environment.usual = plan

    @rule()
    @blocking
    async def the_sidecar_restarts(self) -> None:
        await self.scene.sidecar.restart()

    @rule()
    def the_sidecar_loses_its_state(self) -> None:
        self.environment.lose_state()

    @rule(routes=st.lists(st.integers(0, 1), max_size=12))
    def two_sidecars_answer_in_turn(self, routes: list[int]) -> None:
        if len(self.environment.folders) == 1:
            self.environment.add_sidecar()
        self.environment.routes.extend(routes)

    @rule(operations=st.booleans())
    def the_sidecar_is_replaced_by_one_with_or_without_operations(self, operations: bool) -> None:
        self.environment.with_operations = operations

    @rule(is_wrong=st.booleans())
    def the_token_changes(self, is_wrong: bool) -> None:
        self.environment.token_is_wrong = is_wrong

    @rule(whom=st.sampled_from(["cluster", "sidecar", "store"]))
    def somebody_goes_away(self, whom: str) -> None:
        if whom != "store":  # a door that cannot write accepts nothing
            self.environment.down.add(whom)

    @precondition(lambda self: self.environment.down)
    @rule()
    def all_come_back(self) -> None:
        self.environment.down.clear()

    # What upkeep does beside the orchestrations.

    @precondition(lambda self: self.ids)
    @rule(number=st.integers(0, 2))
    @blocking
    async def upkeep_stops_a_job(self, number: int) -> None:
        job = await self.job(number)
        if job.should_stop(self.scene.clock()) and not job.phase.is_end:
            await self.scene.job_stopper.stop(job.job_id)

    @precondition(lambda self: any(left_unknown(job) for job in self.seen))
    @rule()
    @blocking
    async def upkeep_cleans_up(self) -> None:
        for job in filter(left_unknown, self.seen):
            result = await self.scene.job_stopper.clean_up(job)
            if result.proof:
                await self.scene.jobs.confirm_cleanup(job, {"proof": result.proof})

    # What befalls our own processes.

    @precondition(lambda self: self.ids)
    @rule(
        number=st.integers(0, 2),
        whom=st.sampled_from(["cluster", "sidecar", "store"]),
        before=st.integers(0, 3),
        what=st.sampled_from(CallFault),
    )
    @blocking
    async def a_step_in_trouble(self, number: int, whom: str, before: int, what: CallFault) -> None:
        driver = self.scene.drivers[(await self.job(number)).job_id]
        if driver.ready_at is None:
            return
        self.scene.clock.now = max(self.scene.clock.now, driver.ready_at)
        self.environment.next[whom].extend([*[None] * before, what])
        for _ in range(2):
            if driver.ready_at:
                await driver.step()
        self.environment.next.clear()

    @precondition(lambda self: any(driver.calls for driver in self.scene.drivers.values()))
    @rule(data=st.data())
    def a_zombie_says_an_old_order_again(self, data: Any) -> None:
        driver = data.draw(
            st.sampled_from([driver for driver in self.scene.drivers.values() if driver.calls])
        )
        verb, input_ = data.draw(st.sampled_from(driver.calls[-4:]))
        self.perform(verb=verb, input_=input_)

    @blocking
    async def perform(self, verb: ActivityName, input_: ActivityInput) -> None:
        await self.scene.perform(verb, input_)

    @rule()
    @blocking
    async def the_task_hub_is_lost(self) -> None:
        for job in await self.all():
            if not job.phase.is_end:
                await self.drive(job)

    # What holds.

    async def all(self) -> list[Job]:
        return [await self.scene.jobs.get(job_id) for job_id in self.ids]

    @invariant()
    @blocking
    async def laws_are_kept(self) -> None:
        self.seen = await self.all()
        await check_now(self.scene, self.seen, self.ends)

    @blocking
    async def teardown(self) -> None:
        """Withdraw the faults, and let everything come to its end."""
        self.environment.down.clear()
        self.environment.routes.clear()
        self.environment.token_is_wrong = False
        self.environment.meanwhile, self.environment.usual = None, Plan()
        for one in self.environment.jobs:
            one.waiting = None
            if one.app == "blast":
                one.ends_at = one.ends_at or self.scene.clock()
        self.environment.batch_time = timedelta(minutes=10)
        for job in await self.all():
            if not job.phase.is_end and self.scene.drivers[job.job_id].ready_at is None:
                await self.drive(job)
        await self.scene.run(DAY)
        ended = await self.all()
        await check_now(self.scene, ended, self.ends)
        await check_ended(self.scene, ended)
        await check_reported(self.scene, ended)
        assert [text for crashes in self.crashes for text in crashes] == []


def left_unknown(job: Job) -> bool:
    return job.left_on_cluster is LeftOnCluster.UNKNOWN
