"""R15: the metrics of runs with faults are what the tables say, but for kills.

Emission is at most once: a transition is reported after its commit. So a kill between the two costs
one report, and nothing is reported twice, or without its commit.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta

import pytest

from shared.contracts.activities import ActivityName
from shared.contracts.job import Job
from shared.contracts.states import Phase
from tests.simulation.models import TTL, CallFault, Plan, trouble
from tests.simulation.reported import check_reported
from tests.simulation.scene import Scene
from tests.simulation.upkeep import DyingDurable, Upkeep
from tests.support.expected_metrics import Attributes

MINUTE = timedelta(minutes=1)
BUSY = Plan(says=trouble("transient"), exit_code=1)
FULL = Plan(says=trouble("capacity"), exit_code=1)
WRITES = 7
"""Of a search without faults, in both tables, before its end."""


@pytest.fixture
def scene(scene: Scene) -> Scene:
    scene.environment.batch_time = MINUTE
    return scene


@pytest.mark.acceptance
@pytest.mark.parametrize("what", CallFault)
@pytest.mark.parametrize("write", range(WRITES))
async def test_r15_a_fault_at_any_write_costs_no_report_and_a_kill_at_most_its_own(
    scene: Scene, write: int, what: CallFault
) -> None:
    job = await scene.accept()
    await scene.drive(job)
    scene.environment.next["store"].extend([*[None] * write, what])
    await scene.run()
    assert not scene.environment.next["store"]
    lost = await check_reported(scene, [await scene.now(job)])
    assert len(lost) <= (what is CallFault.DIES_AFTER)


async def test_r15_a_kill_after_a_commit_costs_exactly_its_report(scene: Scene) -> None:
    """The bound is reached: the history is the truth, not the telemetry."""
    job = await scene.accept()
    await scene.drive(job)
    scene.environment.next["store"].append(CallFault.DIES_AFTER)
    await scene.run()
    lost = await check_reported(scene, [await scene.now(job)])
    assert [event for _, event, *_ in lost] == ["config_written"]


@pytest.mark.acceptance
async def test_r15_metrics_of_a_run_with_faults_are_what_the_tables_say(scene: Scene) -> None:
    scene.environment.usual, scene.environment.batch_time = Plan(takes=MINUTE), None
    jobs = [await scene.accept(number) for number in range(1, 6)]
    busy, full, failing, cancelled, _ = jobs
    scene.environment.plans[busy.elb_job_id].extend([BUSY, BUSY])
    scene.environment.plans[full.elb_job_id].append(FULL)
    for job in jobs:
        await scene.drive(job)
    await scene.run(3 * MINUTE)
    scene.environment.down.add("sidecar")
    await scene.run(2 * MINUTE)
    scene.environment.down.clear()
    await scene.run(10 * MINUTE)
    await scene.cancel(cancelled)
    scene.drivers[cancelled.job_id].wake()
    for _ in range(2):
        await scene.environment.end_batch(failing.elb_job_id, well=False)
    await end_all_batches(scene)
    failed = await scene.now(failing)
    assert failed.phase is Phase.SEARCH_FAILED
    await scene.drive(await scene.jobs.start_attempt(failed.job_id, 2, timedelta(hours=2)))
    await scene.run()
    ended = [await scene.now(job) for job in jobs]
    assert Counter(job.phase for job in ended) == {Phase.COMPLETED: 4, Phase.CANCELLED: 1}
    assert await check_reported(scene, ended) == []
    assert {"transient", "capacity"} <= {dict(key)["category"] for key in values(scene, "retries")}
    assert sum(values(scene, "jobs.ended").values()) == 6
    assert sum(values(scene, "submit_slot.wait").values()) > 0


async def one_succeeds(scene: Scene, job: Job) -> None:
    await scene.environment.end_batch(job.elb_job_id)


async def one_fails(scene: Scene, job: Job) -> None:
    await scene.environment.end_batch(job.elb_job_id, well=False)


async def one_succeeds_and_one_fails(scene: Scene, job: Job) -> None:
    """Between two looks, so that the event of the failure is the first one that counts both."""
    await one_succeeds(scene, job)
    await one_fails(scene, job)


async def all_end_unseen(scene: Scene, job: Job) -> None:
    """Their Jobs have vanished before anybody looks: only the results are left to be counted."""
    for _ in range(2):
        await one_succeeds(scene, job)
    await scene.passes(2 * TTL.total_seconds())


FIRST_BATCHES: Mapping[str, tuple[Callable[[Scene, Job], Awaitable[None]], Phase, int]] = {
    "succeeds": (one_succeeds, Phase.COMPLETED, 1),
    "fails": (one_fails, Phase.SEARCH_FAILED, 0),
    "succeeds-beside-a-failure": (one_succeeds_and_one_fails, Phase.SEARCH_FAILED, 1),
    "ends-unseen": (all_end_unseen, Phase.COMPLETED, 1),
    "is-cancelled": (Scene.cancel, Phase.CANCELLED, 0),
}
"""What becomes of the first batch of a search, its end, and how often the batch is measured."""


@pytest.mark.parametrize("case", FIRST_BATCHES)
async def test_r15_a_first_batch_is_measured_where_it_is_seen_to_succeed(
    scene: Scene, case: str
) -> None:
    happen, phase, times = FIRST_BATCHES[case]
    scene.environment.batch_time = None
    job = await scene.submitted()
    await happen(scene, job)
    await scene.drive(job)
    await scene.run(MINUTE)
    await end_all_batches(scene)
    ended = await scene.now(job)
    assert ended.phase is phase
    assert await check_reported(scene, [ended]) == []
    totals = scene.reports.totals("blast.first_batch.duration").values()
    assert sum(total.count for total in totals) == times


async def end_all_batches(scene: Scene) -> None:
    """Let those that run succeed, and later ones after a minute."""
    scene.environment.batch_time = MINUTE
    for each in scene.environment.jobs:
        if each.app == "blast":
            each.ends_at = each.ends_at or scene.clock()
    await scene.run()


async def test_r15_each_look_at_a_search_is_measured_with_its_outcome(scene: Scene) -> None:
    scene.environment.batch_time = 5 * MINUTE
    job = await scene.accept()
    driver = await scene.drive(job)
    await scene.run(MINUTE)
    before = looks(driver.calls)
    scene.environment.down.add("cluster")
    await scene.run(10 * MINUTE)
    failed = looks(driver.calls) - before
    scene.environment.down.clear()
    await scene.run()
    counts = {
        dict(key)["outcome"]: total.count
        for key, total in scene.reports.totals("blast.observe.duration").items()
    }
    assert failed > 3
    assert counts == {"cluster_unavailable": failed, "ok": looks(driver.calls) - failed}
    assert {dict(key)["cluster"] for key in values(scene, "observe.duration")} == {scene.name}


async def test_r15_restarts_by_reconcile_are_counted_as_in_the_histories(scene: Scene) -> None:
    """Of orchestrations that always fail: they are restarted, and given up."""
    upkeep = Upkeep(scene, DyingDurable(scene.clock))
    job = await scene.accept()
    await upkeep.run(timedelta(hours=3))
    ended = await scene.now(job)
    assert ended.error_code == "orchestration_failed"
    assert await check_reported(scene, [ended]) == []
    restarts = len(await scene.events(job, "orchestration_restarted"))
    found = {dict(key)["result"]: value for key, value in values(scene, "reconcile").items()}
    assert found == sum(map(Counter, upkeep.found), Counter())
    assert found["restarted"] == restarts > 3


def looks(calls: Iterable[tuple[ActivityName, object]]) -> int:
    return sum(name is ActivityName.OBSERVE_SEARCH for name, _ in calls)


def values(scene: Scene, name: str) -> dict[Attributes, float]:
    return scene.reports.values(f"blast.{name}")
