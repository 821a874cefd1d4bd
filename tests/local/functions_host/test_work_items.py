"""What belongs to which execution, and how a turn shows its history."""

import asyncio
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

from local.functions_host.clock import EPOCH, ManualClock
from local.functions_host.durable.history import Type
from tests.local.functions_host.hosted_app import INSTANCES, PATIENCE, Story, app_of, double, hosted


async def test_a_result_for_an_earlier_execution_is_dropped(state: Path) -> None:
    gates = [threading.Event(), threading.Event()]

    def slow(number: int) -> int:
        assert gates[number].wait(PATIENCE)
        return number

    def story(context: Any) -> Story:
        return (yield context.call_activity("slow", context.get_input()))

    async with hosted(app_of(story, slow=slow), state) as world:

        async def scheduled() -> bool:
            return "TASK_SCHEDULED" in await world.kinds()

        async def settled() -> bool:
            engine, store = world.running.engine, world.running.store
            left = await engine.call_store(store.activities)
            return len(left) == 1 and not await engine.call_store(store.ready, world.clock.now())

        await world.start("story", 0)
        await world.running.engine.changed(scheduled)
        await world.client.terminate("one", "start over")
        await world.ended()
        await world.start("story", 1)
        await world.running.engine.changed(scheduled)
        gates[0].set()
        await asyncio.wait_for(world.running.engine.changed(settled), PATIENCE)
        assert (await world.instance()).status == "Running"
        gates[1].set()
        assert (await world.ended()).output == "1"


async def test_an_event_that_comes_while_it_continues_as_new_is_for_the_next_execution(
    state: Path,
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def story(context: Any) -> Story:
        if context.get_input() == "first":
            begun.set()
            assert go_on.wait(PATIENCE)
            context.continue_as_new("second")
            return None
        return (yield context.wait_for_external_event("news"))

    async with hosted(app_of(story), state) as world:
        await world.start("story", "first")
        assert await asyncio.to_thread(begun.wait, PATIENCE)
        async with world.http.post(f"{INSTANCES}/one/raiseEvent/news", json=1) as answer:
            assert answer.status == 202
        go_on.set()
        assert (await world.ended()).output == "1"
        assert (await world.kinds())[:2] == ["EXECUTION_STARTED", "EVENT_RAISED"]


async def test_history_tells_what_has_been_played(state: Path) -> None:
    played: list[list[tuple[str, bool]]] = []

    def story(context: Any) -> Story:
        found = [(Type(e.event_type).name, e.is_played) for e in context.histories]
        played.append(found)
        return (yield context.call_activity("double", 1))

    async with hosted(app_of(story, double=double), state) as world:
        await world.start("story")
        await world.ended()
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
    def story(context: Any) -> Story:
        yield context.wait_for_external_event("news")
        return str(context.current_utc_datetime)

    async with hosted(app_of(story), state, ManualClock(EPOCH + timedelta(hours=1))) as world:
        await world.start("story")
        await world.quiet()
    async with hosted(app_of(story), state, ManualClock(EPOCH)) as world:
        await world.tell(1)
        assert (await world.ended()).output == f'"{EPOCH + timedelta(hours=1)}"'
