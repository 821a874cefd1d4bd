"""Suspended orchestrations: nothing is begun and nothing arrives until they are resumed."""

import asyncio
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.local.functions_host.hosted_app import PATIENCE, Story, World, app_of, double, hosted

SUSPENDED = "EXECUTION_SUSPENDED"


class Gate:
    """An orchestrator's first turn waits here, so that messages are there before the second."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()

    def wait(self) -> None:
        self.reached.set()
        assert self.opened.wait(PATIENCE)


async def suspended_while_it_waits(world: World, gate: Gate) -> None:
    """Suspend the instance before the turn in which it schedules a task."""
    await world.start("story")
    assert await asyncio.to_thread(gate.reached.wait, PATIENCE)
    await world.tell_only("go", 1)
    await world.client.suspend("one", "lunch")
    gate.opened.set()
    await world.quiet()


async def test_a_task_scheduled_in_the_turn_of_the_suspension_waits_for_the_resumption(
    state: Path,
) -> None:
    gate, calls = Gate(), list[int]()

    def record(number: int) -> int:
        calls.append(number)
        return number

    def story(context: Any) -> Story:
        gate.wait()
        yield context.wait_for_external_event("go")
        first = yield context.call_activity("record", 1)
        yield context.create_timer(context.current_utc_datetime + timedelta(minutes=1))
        return first

    async with hosted(app_of(story, record=record), state) as world:
        await suspended_while_it_waits(world, gate)
        assert (await world.instance()).status == "Suspended"
        assert "TASK_SCHEDULED" not in await world.kinds()
        await world.tell(1, "another")  # a turn while it is suspended schedules nothing either
        assert (await world.instance()).status == "Suspended"
        assert calls == []
        await world.client.resume("one", "back")
        assert (await world.skip()).output == "1"
        assert calls == [1]


async def test_one_resumption_ends_two_suspensions(state: Path) -> None:
    def story(context: Any) -> Story:
        return (yield context.wait_for_external_event("news"))

    async with hosted(app_of(story), state) as world:
        await world.start("story")
        await world.quiet()
        for _ in range(2):
            await world.client.suspend("one", "lunch")
            await world.quiet()
        assert (await world.kinds()).count(SUSPENDED) == 2
        await world.client.resume("one", "back")
        await world.quiet()
        assert (await world.instance()).status == "Running"
        await world.tell("heard")
        assert (await world.ended()).output == '"heard"'


async def test_a_suspended_orchestration_can_be_terminated(state: Path) -> None:
    def story(context: Any) -> Story:
        yield context.wait_for_external_event("news")

    async with hosted(app_of(story), state) as world:
        await world.start("story")
        await world.client.suspend("one", "lunch")
        await world.client.terminate("one", "enough")
        assert (await world.ended()).status == "Terminated"


async def test_an_event_behind_the_decision_to_continue_as_new_is_carried_over(state: Path) -> None:
    def story(context: Any) -> Story:
        if context.get_input() == "first":
            yield context.wait_for_external_event("go")
            context.continue_as_new("second")
            return None
        return (yield context.wait_for_external_event("news"))

    async with hosted(app_of(story), state) as world:
        await world.start("story", "first")
        await world.quiet()
        await world.client.suspend("one", "so that both events are in one batch")
        await world.quiet()
        for name, data in (("go", 1), ("news", 2)):
            await world.tell(data, name)
        await world.client.resume("one", "go on")
        assert (await world.ended()).output == "2"
        assert (await world.kinds())[:2] == ["EXECUTION_STARTED", "EVENT_RAISED"]


async def test_an_event_before_that_decision_is_dropped_with_the_generation(state: Path) -> None:
    def story(context: Any) -> Story:
        if context.get_input() == "first":
            yield context.wait_for_external_event("go")
            context.continue_as_new("second")
            return None
        news = context.wait_for_external_event("news")
        timer = context.create_timer(context.current_utc_datetime + timedelta(minutes=1))
        winner = yield context.task_any([news, timer])
        return "event" if winner == news else "timer"

    async with hosted(app_of(story), state) as world:
        await world.start("story", "first")
        await world.quiet()
        for name, data in (("news", 2), ("go", 1)):
            await world.tell(data, name)
        assert (await world.skip()).output == '"timer"'


async def test_a_failed_orchestration_is_logged_as_an_error(state: Path, caplog: Any) -> None:
    def story(context: Any) -> Story:
        yield context.call_activity("double", 1)
        raise ValueError("text")

    async with hosted(app_of(story, double=double), state) as world:
        await world.start("story")
        await world.ended()
        (line,) = await world.heard.line("Executed 'Functions.story' (Failed")
    assert "Id=one" in line and "text" in line
    assert {one.levelname for one in caplog.records if "(Failed" in one.getMessage()} == {"ERROR"}


async def test_names_in_history_have_no_case(state: Path) -> None:
    """An activity whose name an upgrade spells otherwise is the same activity."""
    spelling = ["double"]

    def story(context: Any) -> Story:
        first = yield context.call_activity(spelling[0], 1)
        yield context.wait_for_external_event("news")
        return first

    async with hosted(app_of(story, double=double), state) as world:
        await world.start("story")
        await world.quiet()
        spelling[0] = "DOUBLE"
        await world.tell(1)
        assert (await world.ended()).output == "2"
