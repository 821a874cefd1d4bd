"""What goes wrong on Azure goes wrong here in the same way: each test is one trap."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import pytest

from tests.local.functions_host.hosted_app import Story, app_of, double, hosted

HOUR = timedelta(hours=1)


async def test_an_activity_that_still_runs_keeps_a_failed_orchestrator_running(
    state: Path,
) -> None:
    go_on = threading.Event()

    def slow(number: int) -> int:
        assert go_on.wait(20)
        return number

    def story(context: Any) -> Story:
        yield context.task_any([context.call_activity("slow", 1), context.call_activity("fast", 1)])
        raise ValueError("text")

    async with hosted(app_of(story, slow=slow, fast=double), state) as world:
        await world.start("story")

        async def heard() -> bool:
            return "TASK_COMPLETED" in await world.kinds()

        await world.running.engine.changed(heard)
        assert (await world.instance()).status == "Running"
        go_on.set()
        assert (await world.ended()).status == "Failed"


async def test_a_misspelled_activity_leaves_the_instance_running_and_is_logged(
    state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def story(context: Any) -> Story:
        yield context.call_activity("dobule", 1)

    async with hosted(app_of(story, double=double), state) as world:
        await world.start("story")
        await world.quiet()
        assert (await world.instance()).status == "Running"
        assert (await world.kinds())[-1] == "TASK_SCHEDULED"
    assert "no activity is named 'dobule'" in caplog.text


async def test_a_misspelled_sub_orchestration_leaves_both_waiting(
    state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def story(context: Any) -> Story:
        yield context.call_sub_orchestrator("chidl", None, "child")

    async with hosted(app_of(story), state) as world:
        await world.start("story")

        async def begun() -> bool:
            return "no orchestrator is named 'chidl'" in caplog.text

        await world.running.engine.changed(begun)
        assert (await world.instance()).status == "Running"
        assert (await world.instance("child")).status == "Pending"
        await world.client.terminate("child", "a mistake")
        assert (await world.ended()).status == "Failed"


async def test_a_falsy_custom_status_is_not_sent(state: Path) -> None:
    def story(context: Any) -> Story:
        context.set_custom_status({})
        yield context.wait_for_external_event("news")

    async with hosted(app_of(story), state) as world:
        await world.start("story")
        await world.quiet()
        assert (await world.instance()).custom_status is None


@pytest.mark.parametrize(("length", "status"), [(8190, "Running"), (8191, "Failed")])
async def test_a_custom_status_has_at_most_16_kb_of_utf_16(
    state: Path, length: int, status: str
) -> None:
    def story(context: Any) -> Story:
        context.set_custom_status("é" * length)
        yield context.wait_for_external_event("news")

    async with hosted(app_of(story), state) as world:
        await world.start("story")
        await world.quiet()
        assert (await world.instance()).status == status


async def test_an_output_that_is_not_plain_json_fails_the_orchestration(state: Path) -> None:
    def story(context: Any) -> Story:
        yield context.call_activity("double", 1)
        return HOUR

    async with hosted(app_of(story, double=double), state) as world:
        await world.start("story")
        assert (await world.ended()).status == "Failed"


async def test_a_finally_body_runs_at_every_pause(state: Path) -> None:
    tidied: list[str] = []

    def story(context: Any) -> Story:
        try:
            yield context.call_activity("double", 1)
            yield context.call_activity("double", 2)
        finally:
            tidied.append(context.instance_id)

    async with hosted(app_of(story, double=double), state) as world:
        await world.start("story")
        await world.ended()
        assert len(tidied) == 3


async def test_changed_code_under_a_running_instance_is_a_non_determinism_failure(
    state: Path,
) -> None:
    def before(context: Any) -> Story:
        yield context.wait_for_external_event("news")
        yield context.call_activity("double", 1)
        yield context.wait_for_external_event("news")

    def after(context: Any) -> Story:
        yield context.wait_for_external_event("news")
        yield context.create_timer(context.current_utc_datetime + HOUR)
        yield context.wait_for_external_event("news")

    before.__name__ = after.__name__ = "story"
    async with hosted(app_of(before, double=double), state) as world:
        await world.start("story")
        await world.quiet()
        await world.tell(1)
    async with hosted(app_of(after, double=double), state) as world:
        await world.tell(2)
        one = await world.ended()
        assert one.status == "Failed"
        assert "Non-deterministic" in (one.output or "")


async def test_terminating_stops_neither_activities_nor_children(state: Path) -> None:
    go_on, ran = threading.Event(), threading.Event()

    def slow(number: int) -> int:
        assert go_on.wait(20)
        ran.set()
        return number

    def child(context: Any) -> Story:
        yield context.wait_for_external_event("news")

    def story(context: Any) -> Story:
        tasks = [
            context.call_activity("slow", 1),
            context.call_sub_orchestrator("child", None, "c"),
        ]
        yield context.task_all(tasks)

    async with hosted(app_of(story, child, slow=slow), state) as world:
        await world.start("story")

        async def begun() -> bool:
            found = await world.running.engine.call_store(world.running.store.instance, "c")
            return found is not None and found.status == "Running"

        await world.running.engine.changed(begun)
        await world.client.terminate("one", "enough")
        one = await world.ended()
        assert (one.status, one.output) == ("Terminated", '"enough"')
        assert (await world.instance("c")).status == "Running"
        go_on.set()
        await world.quiet()
        assert ran.is_set()
        assert "TASK_COMPLETED" not in await world.kinds()


async def test_entities_are_refused_in_words(state: Path) -> None:
    def story(context: Any) -> Story:
        yield context.call_entity(df.EntityId("counter", "a"), "add", 1)

    async with hosted(app_of(story), state) as world:
        await world.start("story")
        one = await world.ended()
        assert one.status == "Failed"
        assert "not offered" in (one.output or "")
