"""The host reproduces pitfalls of Azure: one per test."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import pytest

from tests.local.functions_host.hosted_app import Orchestration, app_of, double, hosted

HOUR = timedelta(hours=1)


async def test_a_running_activity_keeps_a_failed_orchestrator_running(
    state: Path,
) -> None:
    go_on = threading.Event()

    def slow(number: int) -> int:
        assert go_on.wait(20)
        return number

    def orchestrator(context: Any) -> Orchestration:
        yield context.task_any([context.call_activity("slow", 1), context.call_activity("fast", 1)])
        raise ValueError("text")

    async with hosted(app_of(orchestrator, slow=slow, fast=double), state) as host:
        await host.start("orchestrator")

        async def is_completed() -> bool:
            return "TASK_COMPLETED" in await host.event_types()

        await host.running.engine.changed(is_completed)
        assert (await host.instance()).status == "Running"
        go_on.set()
        assert (await host.ended()).status == "Failed"


async def test_a_misspelled_activity_leaves_the_instance_running_and_is_logged(
    state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def orchestrator(context: Any) -> Orchestration:
        yield context.call_activity("dobule", 1)

    async with hosted(app_of(orchestrator, double=double), state) as host:
        await host.start("orchestrator")
        await host.idle()
        assert (await host.instance()).status == "Running"
        assert (await host.event_types())[-1] == "TASK_SCHEDULED"
    assert "activity 'dobule' does not exist" in caplog.text


async def test_a_misspelled_sub_orchestration_leaves_both_waiting(
    state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def orchestrator(context: Any) -> Orchestration:
        yield context.call_sub_orchestrator("chidl", None, "child")

    async with hosted(app_of(orchestrator), state) as host:
        await host.start("orchestrator")

        async def begun() -> bool:
            return "orchestrator 'chidl' does not exist" in caplog.text

        await host.running.engine.changed(begun)
        assert (await host.instance()).status == "Running"
        assert (await host.instance("child")).status == "Pending"
        await host.client.terminate("child", "a mistake")
        assert (await host.ended()).status == "Failed"


async def test_a_falsy_custom_status_is_not_sent(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        context.set_custom_status({})
        yield context.wait_for_external_event("news")

    async with hosted(app_of(orchestrator), state) as host:
        await host.start("orchestrator")
        await host.idle()
        assert (await host.instance()).custom_status is None


@pytest.mark.parametrize(("length", "status"), [(8190, "Running"), (8191, "Failed")])
async def test_a_custom_status_has_at_most_16_kb_of_utf_16(
    state: Path, length: int, status: str
) -> None:
    def orchestrator(context: Any) -> Orchestration:
        context.set_custom_status("é" * length)
        yield context.wait_for_external_event("news")

    async with hosted(app_of(orchestrator), state) as host:
        await host.start("orchestrator")
        await host.idle()
        assert (await host.instance()).status == status


async def test_an_output_that_is_not_plain_json_fails_the_orchestration(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        yield context.call_activity("double", 1)
        return HOUR

    async with hosted(app_of(orchestrator, double=double), state) as host:
        await host.start("orchestrator")
        assert (await host.ended()).status == "Failed"


async def test_a_finally_block_runs_in_every_replay(state: Path) -> None:
    tidied: list[str] = []

    def orchestrator(context: Any) -> Orchestration:
        try:
            yield context.call_activity("double", 1)
            yield context.call_activity("double", 2)
        finally:
            tidied.append(context.instance_id)

    async with hosted(app_of(orchestrator, double=double), state) as host:
        await host.start("orchestrator")
        await host.ended()
        assert len(tidied) == 3


async def test_changed_code_fails_a_running_instance_as_non_deterministic(
    state: Path,
) -> None:
    def before(context: Any) -> Orchestration:
        yield context.wait_for_external_event("news")
        yield context.call_activity("double", 1)
        yield context.wait_for_external_event("news")

    def after(context: Any) -> Orchestration:
        yield context.wait_for_external_event("news")
        yield context.create_timer(context.current_utc_datetime + HOUR)
        yield context.wait_for_external_event("news")

    before.__name__ = after.__name__ = "orchestrator"
    async with hosted(app_of(before, double=double), state) as host:
        await host.start("orchestrator")
        await host.idle()
        await host.raise_event(1)
    async with hosted(app_of(after, double=double), state) as host:
        await host.raise_event(2)
        instance = await host.ended()
        assert instance.status == "Failed"
        assert "Non-deterministic" in (instance.output or "")


async def test_terminate_stops_neither_activities_nor_children(state: Path) -> None:
    go_on, ran = threading.Event(), threading.Event()

    def slow(number: int) -> int:
        assert go_on.wait(20)
        ran.set()
        return number

    def child(context: Any) -> Orchestration:
        yield context.wait_for_external_event("news")

    def orchestrator(context: Any) -> Orchestration:
        tasks = [
            context.call_activity("slow", 1),
            context.call_sub_orchestrator("child", None, "c"),
        ]
        yield context.task_all(tasks)

    async with hosted(app_of(orchestrator, child, slow=slow), state) as host:
        await host.start("orchestrator")

        async def begun() -> bool:
            child_instance = await host.running.engine.call_store(host.running.store.instance, "c")
            return child_instance is not None and child_instance.status == "Running"

        await host.running.engine.changed(begun)
        await host.client.terminate("one", "enough")
        instance = await host.ended()
        assert (instance.status, instance.output) == ("Terminated", '"enough"')
        assert (await host.instance("c")).status == "Running"
        go_on.set()
        await host.idle()
        assert ran.is_set()
        assert "TASK_COMPLETED" not in await host.event_types()


async def test_entities_fail_with_a_message(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        yield context.call_entity(df.EntityId("counter", "a"), "add", 1)

    async with hosted(app_of(orchestrator), state) as host:
        await host.start("orchestrator")
        instance = await host.ended()
        assert instance.status == "Failed"
        assert "not supported" in (instance.output or "")
