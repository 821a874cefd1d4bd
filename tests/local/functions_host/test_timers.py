import asyncio
from collections.abc import Generator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import azure.functions as func
import pytest
from croniter import croniter

from local.functions_host.clock import EPOCH, ManualClock
from local.functions_host.settings import CannotStart
from tests.local.functions_host.hosted_app import PATIENCE, app_of, hosted

HOURLY = "0 0 * * * *"
HOUR = timedelta(hours=1)
Runs = asyncio.Queue[bool]
"""Whether each run was past due, in their order."""


def app_with(function: Any, **trigger: Any) -> Any:
    app = df.DFApp()
    app.function_name("tick")(app.timer_trigger(arg_name="timer", **trigger)(function))
    return app


def recorded(runs: Runs, **trigger: Any) -> Any:
    """An app whose timer function notes its runs."""

    async def tick(timer: func.TimerRequest) -> None:
        runs.put_nowait(timer.past_due)

    return app_with(tick, **trigger)


async def soon(runs: Runs) -> bool:
    return await asyncio.wait_for(runs.get(), PATIENCE)


async def awaited(clock: ManualClock, then: datetime) -> None:
    await asyncio.wait_for(clock.awaited(then), PATIENCE)


async def test_a_timer_runs_by_its_six_fields(state: Path) -> None:
    runs, clock = Runs(), ManualClock()
    first, second = EPOCH + timedelta(seconds=30), EPOCH + timedelta(minutes=5, seconds=30)
    async with hosted(recorded(runs, schedule="30 */5 * * * *"), state, clock):
        await awaited(clock, first)
        assert runs.empty()
        clock.advance_to(first)
        assert not await soon(runs)
        await awaited(clock, second)
        clock.advance_to(second + timedelta(seconds=5))
        assert await soon(runs)


async def test_a_timer_may_run_at_the_start(state: Path) -> None:
    runs, clock = Runs(), ManualClock()
    app = recorded(runs, schedule=HOURLY, run_on_startup=True)
    async with hosted(app, state, clock):
        assert not await soon(runs)
        await awaited(clock, EPOCH + HOUR)


@pytest.mark.parametrize(
    ("trigger", "made_up_for"),
    [
        ({"schedule": HOURLY}, True),
        ({"schedule": HOURLY, "use_monitor": False}, False),
        ({"schedule": "*/20 * * * * *"}, False),
    ],
)
async def test_a_run_missed_while_no_host_ran_is_made_up_for_once(
    state: Path, trigger: dict[str, Any], made_up_for: bool
) -> None:
    runs, clock = Runs(), ManualClock()
    following = croniter(trigger["schedule"], EPOCH, second_at_beginning=True).get_next(datetime)
    for _ in range(2):
        async with hosted(recorded(runs, **trigger), state, clock):
            await awaited(clock, following)
        clock.advance(5 * HOUR)
        following += 5 * HOUR
    assert runs.qsize() == made_up_for
    assert not made_up_for or runs.get_nowait()


async def test_a_timer_never_runs_twice_at_a_time(state: Path) -> None:
    clock = ManualClock()
    begun, go_on = asyncio.Semaphore(0), asyncio.Event()
    at_once: list[int] = [0, 0]

    async def tick(timer: func.TimerRequest) -> None:
        at_once[0] += 1
        at_once[1] = max(at_once)
        begun.release()
        await go_on.wait()
        at_once[0] -= 1

    async with hosted(app_with(tick, schedule=HOURLY), state, clock) as world:
        await awaited(clock, EPOCH + HOUR)
        clock.advance(HOUR)
        await asyncio.wait_for(begun.acquire(), PATIENCE)
        clock.advance(3 * HOUR)
        run_manually = asyncio.create_task(fire(world))
        assert await alive(world) == 200
        go_on.set()
        assert await run_manually == 202
        assert at_once == [0, 1]


async def fire(world: Any, name: str = "tick") -> int:
    async with world.http.post(f"/admin/functions/{name}", json={"input": ""}) as answer:
        return int(answer.status)


async def alive(world: Any) -> int:
    async with world.http.get("/admin/host/status") as answer:
        return int(answer.status)


async def test_a_crash_does_not_end_the_schedule(
    state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def tick(timer: func.TimerRequest) -> None:
        raise ValueError("text")

    clock = ManualClock()
    async with hosted(app_with(tick, schedule=HOURLY), state, clock):
        for hour in (1, 2):
            await awaited(clock, EPOCH + hour * HOUR)
            clock.advance_to(EPOCH + hour * HOUR)
        await awaited(clock, EPOCH + 3 * HOUR)
    assert len([one for one in caplog.records if "failed" in one.message]) == 2


async def test_a_timer_can_be_run_by_hand(state: Path) -> None:
    runs = Runs()
    async with hosted(recorded(runs, schedule=HOURLY), state) as world:
        assert await fire(world) == 202
        assert not runs.get_nowait()
        assert await fire(world, "nothing") == 404


async def test_a_timer_function_may_have_a_durable_client(state: Path) -> None:
    def story(context: Any) -> Generator[Any, Any, Any]:
        yield context.wait_for_external_event("news")

    async def tick(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
        await client.start_new("story", "one")

    app = app_of(story)
    with_client = app.durable_client_input(client_name="client")(tick)
    app.function_name("tick")(app.timer_trigger(arg_name="timer", schedule=HOURLY)(with_client))
    async with hosted(app, state) as world:
        assert await fire(world) == 202
        assert (await world.instance()).name == "story"


@pytest.mark.parametrize("schedule", ["", "* * *", "every day", "0 99 * * * *"])
async def test_a_schedule_that_is_none_is_refused_in_words(state: Path, schedule: str) -> None:
    with pytest.raises(CannotStart, match="the function tick has no schedule in"):
        async with hosted(recorded(Runs(), schedule=schedule), state):
            pass


async def test_a_schedule_may_be_a_setting(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock()
    monkeypatch.setenv("TICK_SCHEDULE", HOURLY)
    async with hosted(recorded(Runs(), schedule="%TICK_SCHEDULE%"), state, clock):
        await awaited(clock, EPOCH + HOUR)
