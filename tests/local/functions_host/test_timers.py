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
from tests.local.functions_host.hosted_app import TIMEOUT_SECONDS, app_of, hosted

HOURLY = "0 0 * * * *"
HOUR = timedelta(hours=1)
Runs = asyncio.Queue[bool]
"""`past_due` of each run, in order."""


def app_with(function: Any, **trigger: Any) -> Any:
    app = df.DFApp()
    app.function_name("tick")(app.timer_trigger(arg_name="timer", **trigger)(function))
    return app


def recorded(runs: Runs, **trigger: Any) -> Any:
    """An app whose timer function records its runs."""

    async def tick(timer: func.TimerRequest) -> None:
        runs.put_nowait(timer.past_due)

    return app_with(tick, **trigger)


async def next_run(runs: Runs) -> bool:
    return await asyncio.wait_for(runs.get(), TIMEOUT_SECONDS)


async def wait_for_waiter(clock: ManualClock, then: datetime) -> None:
    await asyncio.wait_for(clock.awaited(then), TIMEOUT_SECONDS)


async def test_a_timer_runs_by_a_six_field_schedule(state: Path) -> None:
    runs, clock = Runs(), ManualClock()
    first, second = EPOCH + timedelta(seconds=30), EPOCH + timedelta(minutes=5, seconds=30)
    async with hosted(recorded(runs, schedule="30 */5 * * * *"), state, clock):
        await wait_for_waiter(clock, first)
        assert runs.empty()
        clock.advance_to(first)
        assert not await next_run(runs)
        await wait_for_waiter(clock, second)
        clock.advance_to(second + timedelta(seconds=5))
        assert await next_run(runs)


async def test_run_on_startup_runs_the_timer_at_start(state: Path) -> None:
    runs, clock = Runs(), ManualClock()
    app = recorded(runs, schedule=HOURLY, run_on_startup=True)
    async with hosted(app, state, clock):
        assert not await next_run(runs)
        await wait_for_waiter(clock, EPOCH + HOUR)


@pytest.mark.parametrize(
    ("trigger", "is_caught_up"),
    [
        ({"schedule": HOURLY}, True),
        ({"schedule": HOURLY, "use_monitor": False}, False),
        ({"schedule": "*/20 * * * * *"}, False),
    ],
)
async def test_a_run_missed_during_downtime_is_caught_up_once(
    state: Path, trigger: dict[str, Any], is_caught_up: bool
) -> None:
    runs, clock = Runs(), ManualClock()
    following = croniter(trigger["schedule"], EPOCH, second_at_beginning=True).get_next(datetime)
    for _ in range(2):
        async with hosted(recorded(runs, **trigger), state, clock):
            await wait_for_waiter(clock, following)
        clock.advance(5 * HOUR)
        following += 5 * HOUR
    assert runs.qsize() == is_caught_up
    assert not is_caught_up or runs.get_nowait()


async def test_a_timer_never_runs_concurrently(state: Path) -> None:
    clock = ManualClock()
    begun, go_on = asyncio.Semaphore(0), asyncio.Event()
    at_once: list[int] = [0, 0]

    async def tick(timer: func.TimerRequest) -> None:
        at_once[0] += 1
        at_once[1] = max(at_once)
        begun.release()
        await go_on.wait()
        at_once[0] -= 1

    async with hosted(app_with(tick, schedule=HOURLY), state, clock) as host:
        await wait_for_waiter(clock, EPOCH + HOUR)
        clock.advance(HOUR)
        await asyncio.wait_for(begun.acquire(), TIMEOUT_SECONDS)
        clock.advance(3 * HOUR)
        run_manually = asyncio.create_task(fire(host))
        assert await alive(host) == 200
        go_on.set()
        assert await run_manually == 202
        assert at_once == [0, 1]


async def fire(host: Any, name: str = "tick") -> int:
    async with host.http.post(f"/admin/functions/{name}", json={"input": ""}) as answer:
        return int(answer.status)


async def alive(host: Any) -> int:
    async with host.http.get("/admin/host/status") as answer:
        return int(answer.status)


async def test_a_crash_does_not_end_the_schedule(
    state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def tick(timer: func.TimerRequest) -> None:
        raise ValueError("text")

    clock = ManualClock()
    async with hosted(app_with(tick, schedule=HOURLY), state, clock):
        for hour in (1, 2):
            await wait_for_waiter(clock, EPOCH + hour * HOUR)
            clock.advance_to(EPOCH + hour * HOUR)
        await wait_for_waiter(clock, EPOCH + 3 * HOUR)
    assert len([record for record in caplog.records if "failed" in record.message]) == 2


async def test_a_timer_can_be_run_manually(state: Path) -> None:
    runs = Runs()
    async with hosted(recorded(runs, schedule=HOURLY), state) as host:
        assert await fire(host) == 202
        assert not runs.get_nowait()
        assert await fire(host, "nothing") == 404


async def test_a_timer_function_may_have_a_durable_client(state: Path) -> None:
    def orchestrator(context: Any) -> Generator[Any, Any, Any]:
        yield context.wait_for_external_event("news")

    async def tick(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
        await client.start_new("orchestrator", "one")

    app = app_of(orchestrator)
    with_client = app.durable_client_input(client_name="client")(tick)
    app.function_name("tick")(app.timer_trigger(arg_name="timer", schedule=HOURLY)(with_client))
    async with hosted(app, state) as host:
        assert await fire(host) == 202
        assert (await host.instance()).name == "orchestrator"


@pytest.mark.parametrize("schedule", ["", "* * *", "every day", "0 99 * * * *"])
async def test_an_invalid_schedule_is_refused(state: Path, schedule: str) -> None:
    with pytest.raises(CannotStart, match="the function tick has an invalid schedule"):
        async with hosted(recorded(Runs(), schedule=schedule), state):
            pass


async def test_a_schedule_can_come_from_a_setting(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    monkeypatch.setenv("TICK_SCHEDULE", HOURLY)
    async with hosted(recorded(Runs(), schedule="%TICK_SCHEDULE%"), state, clock):
        await wait_for_waiter(clock, EPOCH + HOUR)
