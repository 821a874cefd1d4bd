"""What goes wrong on Azure goes wrong here in the same way: traps of timers, events and races."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df

from tests.local.functions_host.hosted_app import Story, app_of, broken, double, hosted

HOUR = timedelta(hours=1)


async def test_a_retry_in_a_race_diverges_in_the_work_after_it(state: Path) -> None:
    tries: list[int] = []

    def flaky(number: int) -> int:
        tries.append(number)
        if len(tries) == 1:
            raise ConnectionError("away")
        return number

    def story(context: Any) -> Story:
        retried = context.call_activity_with_retry("flaky", df.RetryOptions(1000, 5), 7)
        timer = context.create_timer(context.current_utc_datetime + HOUR)
        yield context.task_any([retried, timer])
        timer.cancel()
        return (yield context.call_activity("double", 4))

    async with hosted(app_of(story, flaky=flaky, double=double), state) as world:
        await world.start("story")
        one = await world.skip()
        assert one.status == "Failed"
        assert "Non-deterministic" in (one.output or "")


async def test_a_long_timer_reused_with_fresh_events_hangs(state: Path) -> None:
    def story(context: Any) -> Story:
        timer = context.create_timer(context.current_utc_datetime + HOUR)
        while True:
            news = context.wait_for_external_event("news")
            if timer == (yield context.task_any([timer, news])):
                return "late"

    async with hosted(app_of(story), state) as world:
        await world.start("story")
        await world.quiet()
        await world.tell(1)
        await world.pass_time(2 * HOUR)
        assert (await world.kinds())[-1] == "TIMER_FIRED"
        assert (await world.instance()).status == "Running"
        await world.tell(2)
        assert (await world.ended()).output == '"late"'


def late_twice(context: Any) -> Story:
    """Waits for two events of one name, an hour late."""
    yield context.create_timer(context.current_utc_datetime + HOUR)
    first = yield context.wait_for_external_event("news")
    second = yield context.wait_for_external_event("news")
    return [first, second]


async def test_an_early_event_satisfies_python_twice_and_the_extension_once(state: Path) -> None:
    async with hosted(app_of(late_twice), state) as world:
        await world.start("late_twice")
        await world.quiet()
        await world.tell(1)
        await world.pass_time(HOUR)
        assert (await world.instance()).status == "Running"


async def test_a_second_early_event_replaces_the_first(state: Path) -> None:
    async with hosted(app_of(late_twice), state) as world:
        await world.start("late_twice")
        await world.quiet()
        await world.tell(1)
        await world.tell(2)
        await world.pass_time(HOUR)
        assert (await world.ended()).output == "[2,2]"


async def test_an_event_whose_name_differs_in_case_hangs_until_one_comes_that_does_not(
    state: Path,
) -> None:
    """The extension takes the first for the wait, and Python the second."""

    def story(context: Any) -> Story:
        return (yield context.wait_for_external_event("News"))

    async with hosted(app_of(story), state) as world:
        await world.start("story")
        await world.quiet()
        await world.tell(1, "NEWS")
        assert (await world.instance()).status == "Running"
        assert "EVENT_RAISED" in await world.kinds()
        await world.tell(2, "News")
        assert (await world.ended()).output == "2"


async def test_continue_as_new_drops_events_that_were_not_waited_for(state: Path) -> None:
    def story(context: Any) -> Story:
        if context.get_input() == "first":
            yield context.create_timer(context.current_utc_datetime + HOUR)
            context.continue_as_new("second")
            return None
        return (yield context.wait_for_external_event("news"))

    async with hosted(app_of(story), state) as world:
        await world.start("story", "first")
        await world.quiet()
        await world.tell("lost")
        await world.pass_time(HOUR)
        assert (await world.instance()).status == "Running"
        await world.tell("heard")
        assert (await world.ended()).output == '"heard"'


async def test_a_timer_that_was_not_cancelled_keeps_the_instance_running(state: Path) -> None:
    def story(context: Any) -> Story:
        timer = context.create_timer(context.current_utc_datetime + HOUR)
        yield context.task_any([timer, context.call_activity("double", 1)])
        return "through"

    async with hosted(app_of(story, double=double), state) as world:
        await world.start("story")
        await world.quiet()
        assert (await world.instance()).status == "Running"
        await world.pass_time(HOUR)
        assert (await world.ended()).output == '"through"'


async def test_a_cancelled_timer_lets_the_instance_end(state: Path) -> None:
    def story(context: Any) -> Story:
        timer = context.create_timer(context.current_utc_datetime + HOUR)
        yield context.task_any([timer, context.call_activity("double", 1)])
        timer.cancel()
        return "through"

    async with hosted(app_of(story, double=double), state) as world:
        begun = world.clock.now()
        await world.start("story")
        assert (await world.ended()).output == '"through"'
        assert world.clock.now() == begun


async def test_a_winner_that_failed_does_not_raise(state: Path) -> None:
    def story(context: Any) -> Story:
        winner = yield context.task_any([context.call_activity("broken", "text")])
        return type(winner.result).__name__

    async with hosted(app_of(story, broken=broken), state) as world:
        await world.start("story")
        assert (await world.ended()).output == '"Exception"'


async def test_all_of_nothing_yields_none(state: Path) -> None:
    def story(context: Any) -> Story:
        return [(yield context.task_all([]))]

    async with hosted(app_of(story), state) as world:
        await world.start("story")
        assert (await world.ended()).output == "[null]"


async def test_a_failure_in_task_all_is_raised_early_and_the_extension_waits_for_the_rest(
    state: Path,
) -> None:
    def story(context: Any) -> Story:
        timer = context.create_timer(context.current_utc_datetime + HOUR)
        try:
            yield context.task_all([timer, context.call_activity("broken", "text")])
        except Exception:  # noqa: BLE001  the SDK raises nothing more exact
            return (yield context.call_activity("double", 1))

    async with hosted(app_of(story, broken=broken, double=double), state) as world:
        await world.start("story")
        await world.quiet()
        assert (await world.kinds())[-1] == "TASK_FAILED"
        await world.pass_time(HOUR)
        assert (await world.ended()).output == "2"


async def test_a_timer_without_a_time_zone_fails_the_orchestration(state: Path) -> None:
    def story(context: Any) -> Story:
        yield context.create_timer(datetime(2031, 1, 1))  # noqa: DTZ001  that is the trap

    async with hosted(app_of(story), state) as world:
        await world.start("story")
        assert (await world.ended()).status == "Failed"


async def test_a_timer_of_more_than_six_days_cannot_be_cancelled(state: Path) -> None:
    def story(context: Any) -> Story:
        timer = context.create_timer(context.current_utc_datetime + timedelta(days=7))
        yield context.task_any([timer, context.call_activity("double", 1)])
        timer.cancel()
        return "through"

    async with hosted(app_of(story, double=double), state) as world:
        await world.start("story")
        await world.quiet()
        assert (await world.instance()).status == "Running"
