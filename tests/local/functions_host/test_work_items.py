"""Executions of an instance, and the history passed to the orchestrator."""

import asyncio
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

from local.functions_host.clock import EPOCH, ManualClock
from local.functions_host.durable.history import Type
from tests.local.functions_host.hosted_app import (
    INSTANCES,
    TIMEOUT_SECONDS,
    Orchestration,
    app_of,
    double,
    hosted,
    unfinished,
)


async def test_a_result_for_an_earlier_execution_is_dropped(state: Path) -> None:
    gates = [threading.Event(), threading.Event()]

    def slow(number: int) -> int:
        assert gates[number].wait(TIMEOUT_SECONDS)
        return number

    def orchestrator(context: Any) -> Orchestration:
        return (yield context.call_activity("slow", context.get_input()))

    async with hosted(app_of(orchestrator, slow=slow), state) as host:

        async def scheduled() -> bool:
            return "TASK_SCHEDULED" in await host.event_types()

        async def settled() -> bool:
            engine, store = host.running.engine, host.running.store
            ready, activities = await engine.call_store(unfinished, store, host.clock.now())
            return len(activities) == 1 and not ready

        await host.start("orchestrator", 0)
        await host.running.engine.changed(scheduled)
        await host.client.terminate("one", "start over")
        await host.ended()
        await host.start("orchestrator", 1)
        await host.running.engine.changed(scheduled)
        gates[0].set()
        await asyncio.wait_for(host.running.engine.changed(settled), TIMEOUT_SECONDS)
        assert (await host.instance()).status == "Running"
        gates[1].set()
        assert (await host.ended()).output == "1"


async def test_an_event_during_continue_as_new_goes_to_the_next_execution(
    state: Path,
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def orchestrator(context: Any) -> Orchestration:
        if context.get_input() == "first":
            begun.set()
            assert go_on.wait(TIMEOUT_SECONDS)
            context.continue_as_new("second")
            return None
        return (yield context.wait_for_external_event("news"))

    async with hosted(app_of(orchestrator), state) as host:
        await host.start("orchestrator", "first")
        assert await asyncio.to_thread(begun.wait, TIMEOUT_SECONDS)
        async with host.http.post(f"{INSTANCES}/one/raiseEvent/news", json=1) as answer:
            assert answer.status == 202
        go_on.set()
        assert (await host.ended()).output == "1"
        assert (await host.event_types())[:2] == ["EXECUTION_STARTED", "EVENT_RAISED"]


async def test_history_marks_played_events(state: Path) -> None:
    played: list[list[tuple[str, bool]]] = []

    def orchestrator(context: Any) -> Orchestration:
        events = [(Type(e.event_type).name, e.is_played) for e in context.histories]
        played.append(events)
        return (yield context.call_activity("double", 1))

    async with hosted(app_of(orchestrator, double=double), state) as host:
        await host.start("orchestrator")
        await host.ended()
    assert played[0] == [("ORCHESTRATOR_STARTED", False), ("EXECUTION_STARTED", False)]
    assert played[1] == [
        ("ORCHESTRATOR_STARTED", True),
        ("EXECUTION_STARTED", True),
        ("TASK_SCHEDULED", True),
        ("ORCHESTRATOR_COMPLETED", True),
        ("ORCHESTRATOR_STARTED", False),
        ("TASK_COMPLETED", False),
    ]


async def test_history_never_goes_back_in_time(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        yield context.wait_for_external_event("news")
        return str(context.current_utc_datetime)

    async with hosted(app_of(orchestrator), state, ManualClock(EPOCH + timedelta(hours=1))) as host:
        await host.start("orchestrator")
        await host.idle()
    async with hosted(app_of(orchestrator), state, ManualClock(EPOCH)) as host:
        await host.raise_event(1)
        assert (await host.ended()).output == f'"{EPOCH + timedelta(hours=1)}"'


async def test_activities_that_run_or_wait_when_the_host_ends_run_after_its_next_start(
    state: Path,
) -> None:
    begun, calls, goes_on = asyncio.Event(), list[int](), False

    async def work(number: int) -> int:
        calls.append(number)
        begun.set()
        if not goes_on:
            await asyncio.Event().wait()
        return number

    def orchestrator(context: Any) -> Orchestration:
        return (yield context.task_all([context.call_activity("work", n) for n in range(3)]))

    one_at_a_time = {"extensions": {"durableTask": {"maxConcurrentActivityFunctions": 1}}}
    async with hosted(app_of(orchestrator, work=work), state, options=one_at_a_time) as host:
        await host.start("orchestrator")
        await asyncio.wait_for(begun.wait(), TIMEOUT_SECONDS)
    goes_on = True
    async with hosted(app_of(orchestrator, work=work), state, options=one_at_a_time) as host:
        assert (await host.ended()).output == "[0,1,2]"
    assert calls == [0, 0, 1, 2]
