"""The host reproduces Azure's pitfalls of timers, events and races."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df

from tests.local.functions_host.hosted_app import Orchestration, app_of, broken, double, hosted

HOUR = timedelta(hours=1)


async def test_a_retry_in_task_any_causes_non_determinism_later(state: Path) -> None:
    tries: list[int] = []

    def flaky(number: int) -> int:
        tries.append(number)
        if len(tries) == 1:
            raise ConnectionError("away")
        return number

    def orchestrator(context: Any) -> Orchestration:
        retried = context.call_activity_with_retry("flaky", df.RetryOptions(1000, 5), 7)
        timer = context.create_timer(context.current_utc_datetime + HOUR)
        yield context.task_any([retried, timer])
        timer.cancel()
        return (yield context.call_activity("double", 4))

    async with hosted(app_of(orchestrator, flaky=flaky, double=double), state) as host:
        await host.start("orchestrator")
        instance = await host.run_to_end()
        assert instance.status == "Failed"
        assert "Non-deterministic" in (instance.output or "")


async def test_a_long_timer_reused_with_fresh_events_hangs(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        timer = context.create_timer(context.current_utc_datetime + HOUR)
        while True:
            news = context.wait_for_external_event("news")
            if timer == (yield context.task_any([timer, news])):
                return "late"

    async with hosted(app_of(orchestrator), state) as host:
        await host.start("orchestrator")
        await host.idle()
        await host.raise_event(1)
        await host.advance(2 * HOUR)
        assert (await host.event_types())[-1] == "TIMER_FIRED"
        assert (await host.instance()).status == "Running"
        await host.raise_event(2)
        assert (await host.ended()).output == '"late"'


def late_twice(context: Any) -> Orchestration:
    """Waits for two events of the same name after an hour."""
    yield context.create_timer(context.current_utc_datetime + HOUR)
    first = yield context.wait_for_external_event("news")
    second = yield context.wait_for_external_event("news")
    return [first, second]


async def test_an_early_event_completes_two_waits_in_python_but_one_in_the_extension(
    state: Path,
) -> None:
    async with hosted(app_of(late_twice), state) as host:
        await host.start("late_twice")
        await host.idle()
        await host.raise_event(1)
        await host.advance(HOUR)
        assert (await host.instance()).status == "Running"


async def test_a_second_early_event_replaces_the_first(state: Path) -> None:
    async with hosted(app_of(late_twice), state) as host:
        await host.start("late_twice")
        await host.idle()
        await host.raise_event(1)
        await host.raise_event(2)
        await host.advance(HOUR)
        assert (await host.ended()).output == "[2,2]"


async def test_an_event_name_that_differs_in_case_leaves_the_instance_waiting(
    state: Path,
) -> None:
    """The extension matches the first event to the wait, Python the second."""

    def orchestrator(context: Any) -> Orchestration:
        return (yield context.wait_for_external_event("News"))

    async with hosted(app_of(orchestrator), state) as host:
        await host.start("orchestrator")
        await host.idle()
        await host.raise_event(1, "NEWS")
        assert (await host.instance()).status == "Running"
        assert "EVENT_RAISED" in await host.event_types()
        await host.raise_event(2, "News")
        assert (await host.ended()).output == "2"


async def test_continue_as_new_drops_events_without_a_waiter(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        if context.get_input() == "first":
            yield context.create_timer(context.current_utc_datetime + HOUR)
            context.continue_as_new("second")
            return None
        return (yield context.wait_for_external_event("news"))

    async with hosted(app_of(orchestrator), state) as host:
        await host.start("orchestrator", "first")
        await host.idle()
        await host.raise_event("lost")
        await host.advance(HOUR)
        assert (await host.instance()).status == "Running"
        await host.raise_event("news")
        assert (await host.ended()).output == '"news"'


async def test_a_timer_that_was_not_cancelled_keeps_the_instance_running(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        timer = context.create_timer(context.current_utc_datetime + HOUR)
        yield context.task_any([timer, context.call_activity("double", 1)])
        return "through"

    async with hosted(app_of(orchestrator, double=double), state) as host:
        await host.start("orchestrator")
        await host.idle()
        assert (await host.instance()).status == "Running"
        await host.advance(HOUR)
        assert (await host.ended()).output == '"through"'


async def test_a_cancelled_timer_lets_the_instance_end(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        timer = context.create_timer(context.current_utc_datetime + HOUR)
        yield context.task_any([timer, context.call_activity("double", 1)])
        timer.cancel()
        return "through"

    async with hosted(app_of(orchestrator, double=double), state) as host:
        begun = host.clock.now()
        await host.start("orchestrator")
        assert (await host.ended()).output == '"through"'
        assert host.clock.now() == begun


async def test_a_failed_winner_of_task_any_does_not_raise(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        winner = yield context.task_any([context.call_activity("broken", "text")])
        return type(winner.result).__name__

    async with hosted(app_of(orchestrator, broken=broken), state) as host:
        await host.start("orchestrator")
        assert (await host.ended()).output == '"Exception"'


async def test_task_all_of_no_tasks_returns_none(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        return [(yield context.task_all([]))]

    async with hosted(app_of(orchestrator), state) as host:
        await host.start("orchestrator")
        assert (await host.ended()).output == "[null]"


async def test_a_failure_in_task_all_is_raised_early_and_the_extension_waits_for_the_rest(
    state: Path,
) -> None:
    def orchestrator(context: Any) -> Orchestration:
        timer = context.create_timer(context.current_utc_datetime + HOUR)
        try:
            yield context.task_all([timer, context.call_activity("broken", "text")])
        except Exception:  # noqa: BLE001  the SDK raises nothing more exact
            return (yield context.call_activity("double", 1))

    async with hosted(app_of(orchestrator, broken=broken, double=double), state) as host:
        await host.start("orchestrator")
        await host.idle()
        assert (await host.event_types())[-1] == "TASK_FAILED"
        await host.advance(HOUR)
        assert (await host.ended()).output == "2"


async def test_a_timer_without_a_time_zone_fails_the_orchestration(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        yield context.create_timer(datetime(2031, 1, 1))  # noqa: DTZ001  the pitfall under test

    async with hosted(app_of(orchestrator), state) as host:
        await host.start("orchestrator")
        assert (await host.ended()).status == "Failed"


async def test_a_timer_of_more_than_six_days_cannot_be_cancelled(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        timer = context.create_timer(context.current_utc_datetime + timedelta(days=7))
        yield context.task_any([timer, context.call_activity("double", 1)])
        timer.cancel()
        return "through"

    async with hosted(app_of(orchestrator, double=double), state) as host:
        await host.start("orchestrator")
        await host.idle()
        assert (await host.instance()).status == "Running"
