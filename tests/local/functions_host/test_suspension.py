"""Suspended orchestrations start no tasks and receive no events until they are resumed."""

import asyncio
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.local.functions_host.hosted_app import (
    TIMEOUT_SECONDS,
    HostFixture,
    Orchestration,
    app_of,
    double,
    hosted,
)

SUSPENDED = "EXECUTION_SUSPENDED"


class Gate:
    """Blocks an orchestrator's first run, so that messages are queued before the second."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()

    def wait(self) -> None:
        self.reached.set()
        assert self.opened.wait(TIMEOUT_SECONDS)


async def suspend_while_waiting(host: HostFixture, gate: Gate) -> None:
    """Suspend the instance before the work item in which it schedules a task."""
    await host.start("orchestrator")
    assert await asyncio.to_thread(gate.reached.wait, TIMEOUT_SECONDS)
    await host.raise_event_only("go", 1)
    await host.client.suspend("one", "lunch")
    gate.opened.set()
    await host.idle()


async def test_a_task_scheduled_during_suspension_starts_after_resume(
    state: Path,
) -> None:
    gate, calls = Gate(), list[int]()

    def record(number: int) -> int:
        calls.append(number)
        return number

    def orchestrator(context: Any) -> Orchestration:
        gate.wait()
        yield context.wait_for_external_event("go")
        first = yield context.call_activity("record", 1)
        yield context.create_timer(context.current_utc_datetime + timedelta(minutes=1))
        return first

    async with hosted(app_of(orchestrator, record=record), state) as host:
        await suspend_while_waiting(host, gate)
        assert (await host.instance()).status == "Suspended"
        assert "TASK_SCHEDULED" not in await host.event_types()
        await host.raise_event(
            1, "another"
        )  # a work item during suspension schedules nothing either
        assert (await host.instance()).status == "Suspended"
        assert calls == []
        await host.client.resume("one", "back")
        assert (await host.run_to_end()).output == "1"
        assert calls == [1]


async def test_one_resume_ends_two_suspensions(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        return (yield context.wait_for_external_event("news"))

    async with hosted(app_of(orchestrator), state) as host:
        await host.start("orchestrator")
        await host.idle()
        for _ in range(2):
            await host.client.suspend("one", "lunch")
            await host.idle()
        assert (await host.event_types()).count(SUSPENDED) == 2
        await host.client.resume("one", "back")
        await host.idle()
        assert (await host.instance()).status == "Running"
        await host.raise_event("news")
        assert (await host.ended()).output == '"news"'


async def test_a_suspended_orchestration_can_be_terminated(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        yield context.wait_for_external_event("news")

    async with hosted(app_of(orchestrator), state) as host:
        await host.start("orchestrator")
        await host.client.suspend("one", "lunch")
        await host.client.terminate("one", "enough")
        assert (await host.ended()).status == "Terminated"


async def test_an_event_after_continue_as_new_is_carried_over(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        if context.get_input() == "first":
            yield context.wait_for_external_event("go")
            context.continue_as_new("second")
            return None
        return (yield context.wait_for_external_event("news"))

    async with hosted(app_of(orchestrator), state) as host:
        await host.start("orchestrator", "first")
        await host.idle()
        await host.client.suspend("one", "so that both events are in one batch")
        await host.idle()
        for name, data in (("go", 1), ("news", 2)):
            await host.raise_event(data, name)
        await host.client.resume("one", "go on")
        assert (await host.ended()).output == "2"
        assert (await host.event_types())[:2] == ["EXECUTION_STARTED", "EVENT_RAISED"]


async def test_an_event_before_continue_as_new_is_dropped(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        if context.get_input() == "first":
            yield context.wait_for_external_event("go")
            context.continue_as_new("second")
            return None
        news = context.wait_for_external_event("news")
        timer = context.create_timer(context.current_utc_datetime + timedelta(minutes=1))
        winner = yield context.task_any([news, timer])
        return "event" if winner == news else "timer"

    async with hosted(app_of(orchestrator), state) as host:
        await host.start("orchestrator", "first")
        await host.idle()
        for name, data in (("news", 2), ("go", 1)):
            await host.raise_event(data, name)
        assert (await host.run_to_end()).output == '"timer"'


async def test_a_failed_orchestration_is_logged_as_an_error(state: Path, caplog: Any) -> None:
    def orchestrator(context: Any) -> Orchestration:
        yield context.call_activity("double", 1)
        raise ValueError("text")

    async with hosted(app_of(orchestrator, double=double), state) as host:
        await host.start("orchestrator")
        await host.ended()
        (line,) = await host.log.line("Executed 'Functions.orchestrator' (Failed")
    assert "Id=one" in line and "text" in line
    assert {record.levelname for record in caplog.records if "(Failed" in record.getMessage()} == {
        "ERROR"
    }


async def test_names_in_history_are_case_insensitive(state: Path) -> None:
    """An activity renamed only in case by an upgrade is the same activity."""
    spelling = ["double"]

    def orchestrator(context: Any) -> Orchestration:
        first = yield context.call_activity(spelling[0], 1)
        yield context.wait_for_external_event("news")
        return first

    async with hosted(app_of(orchestrator, double=double), state) as host:
        await host.start("orchestrator")
        await host.idle()
        spelling[0] = "DOUBLE"
        await host.raise_event(1)
        assert (await host.ended()).output == "2"
