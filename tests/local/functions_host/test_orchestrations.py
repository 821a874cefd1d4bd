from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df

from tests.local.functions_host.hosted_app import Story, app_of, broken, double, hosted

DAY = timedelta(days=1)


async def test_an_activitys_result_is_the_yields_value(state: Path) -> None:
    def story(context: Any) -> Story:
        first = yield context.call_activity("double", context.get_input()["number"])
        second = yield context.call_activity("double", first)
        return {"got": second}

    async with hosted(app_of(story, double=double), state) as world:
        await world.start("story", {"number": 3})
        one = await world.ended()
        assert (one.status, one.output) == ("Completed", '{"got":12}')
        assert await world.kinds() == [
            "EXECUTION_STARTED",
            "TASK_SCHEDULED",
            "TASK_COMPLETED",
            "TASK_SCHEDULED",
            "TASK_COMPLETED",
            "EXECUTION_COMPLETED",
        ]


async def test_the_input_arrives_as_it_was_given(state: Path) -> None:
    def story(context: Any) -> Story:
        yield context.call_activity("double", 1)
        return context.get_input()

    for given in ({"a": [1, None]}, "text", 7, [1, 2], None):
        async with hosted(app_of(story, double=double), state) as world:
            await world.start("story", given)
            await world.ended()
            assert (await world.client.get_status("one")).output == given


async def test_activities_fan_out_and_in(state: Path) -> None:
    def story(context: Any) -> Story:
        return (yield context.task_all([context.call_activity("double", n) for n in range(20)]))

    async with hosted(app_of(story, double=double), state) as world:
        await world.start("story")
        await world.ended()
        assert (await world.client.get_status("one")).output == [n * 2 for n in range(20)]


async def test_a_timer_of_hours_fires_when_the_clock_says_so_and_not_before(state: Path) -> None:
    def story(context: Any) -> Story:
        yield context.create_timer(context.current_utc_datetime + timedelta(hours=6))
        return str(context.current_utc_datetime)

    async with hosted(app_of(story), state) as world:
        begun = world.clock.now()
        await world.start("story")
        await world.quiet()
        await world.pass_time(timedelta(hours=5, minutes=59))
        assert (await world.instance()).status == "Running"
        await world.pass_time(timedelta(minutes=1))
        assert (await world.ended()).output == f'"{begun + timedelta(hours=6)}"'


async def test_a_timer_of_ten_days_is_cut_into_short_ones(state: Path) -> None:
    def story(context: Any) -> Story:
        yield context.create_timer(context.current_utc_datetime + 10 * DAY)
        return str(context.current_utc_datetime)

    async with hosted(app_of(story), state) as world:
        begun = world.clock.now()
        await world.start("story")
        assert (await world.skip()).output == f'"{begun + 10 * DAY}"'
        assert (await world.kinds()).count("TIMER_FIRED") == 3


async def test_an_event_is_received_by_its_waiter(state: Path) -> None:
    def story(context: Any) -> Story:
        return (yield context.wait_for_external_event("news"))

    async with hosted(app_of(story), state) as world:
        await world.start("story")
        await world.quiet()
        await world.tell({"a": 1})
        assert (await world.ended()).output == '{"a":1}'


async def test_events_of_the_sdks_client_arrive_as_json_texts(state: Path) -> None:
    """The SDK writes the data as JSON twice, and the extension reads it once."""

    def story(context: Any) -> Story:
        return (yield context.wait_for_external_event("news"))

    async with hosted(app_of(story), state) as world:
        await world.start("story")
        await world.quiet()
        await world.client.raise_event("one", "news", {"a": 1})
        await world.ended()
        assert (await world.client.get_status("one")).output == '{"a": 1}'


async def test_the_faster_of_an_event_and_a_timer_wins(state: Path) -> None:
    def story(context: Any) -> Story:
        news = context.wait_for_external_event("news")
        rounds = 0
        while True:
            timer = context.create_timer(context.current_utc_datetime + timedelta(minutes=1))
            winner = yield context.task_any([news, timer])
            if winner == news:
                timer.cancel()
                return rounds
            rounds += 1

    async with hosted(app_of(story), state) as world:
        await world.start("story")
        await world.quiet()
        for _ in range(3):
            await world.pass_time(timedelta(minutes=1))
        await world.client.raise_event("one", "news")
        assert (await world.ended()).output == "3"


async def test_a_failed_activity_raises_in_the_orchestrator(state: Path) -> None:
    def story(context: Any) -> Story:
        try:
            yield context.call_activity("broken", "text")
        except Exception as error:  # noqa: BLE001  the SDK raises nothing more exact
            return str(error)
        return None

    async with hosted(app_of(story, broken=broken), state) as world:
        await world.start("story")
        await world.ended()
        said = (await world.client.get_status("one")).output
        assert said.startswith("Activity function 'broken' failed:  ValueError: text \n {")
        assert said.endswith("}")


async def test_what_an_orchestrator_raises_is_its_failure(state: Path) -> None:
    def story(context: Any) -> Story:
        yield context.call_activity("double", 1)
        raise KeyError("no such thing")

    async with hosted(app_of(story, double=double), state) as world:
        await world.start("story")
        assert (await world.ended()).status == "Failed"
        status = await world.client.get_status("one")
        assert status.runtime_status is df.OrchestrationRuntimeStatus.Failed
        assert status.output == "Orchestrator function 'story' failed: 'no such thing'"


async def test_retries_pause_and_the_last_timer_fires_at_once(state: Path) -> None:
    def story(context: Any) -> Story:
        try:
            yield context.call_activity_with_retry("broken", df.RetryOptions(60_000, 3), "text")
        except Exception:  # noqa: BLE001  the SDK raises nothing more exact
            return str(context.current_utc_datetime)
        return None

    async with hosted(app_of(story, broken=broken), state) as world:
        begun = world.clock.now()
        await world.start("story")
        assert (await world.skip()).output == f'"{begun + timedelta(minutes=2)}"'
        assert [kind for kind in await world.kinds() if "ED" in kind and "TASK_F" in kind] == [
            "TASK_FAILED"
        ] * 3
        assert (await world.kinds()).count("TIMER_FIRED") == 3


async def test_a_retry_that_succeeds_goes_on_with_its_result(state: Path) -> None:
    calls: list[int] = []

    def flaky(number: int) -> int:
        calls.append(number)
        if len(calls) < 3:
            raise ConnectionError("away")
        return number

    def story(context: Any) -> Story:
        got = yield context.call_activity_with_retry("flaky", df.RetryOptions(1000, 5), 7)
        return (yield context.call_activity("double", got))

    async with hosted(app_of(story, flaky=flaky, double=double), state) as world:
        await world.start("story")
        assert (await world.skip()).output == "14"
        assert calls == [7, 7, 7]


async def test_a_sub_orchestration_answers_its_parent(state: Path) -> None:
    def child(context: Any) -> Story:
        doubled = yield context.call_activity("double", context.get_input())
        return {"parent": context.parent_instance_id, "doubled": doubled}

    def story(context: Any) -> Story:
        named = yield context.call_sub_orchestrator("child", 4, "one-child")
        unnamed = yield context.call_sub_orchestrator("child", 5)
        return [named, unnamed]

    async with hosted(app_of(story, child, double=double), state) as world:
        await world.start("story")
        await world.ended()
        assert (await world.client.get_status("one")).output == [
            {"parent": "one", "doubled": 8},
            {"parent": "one", "doubled": 10},
        ]
        assert (await world.instance("one-child")).status == "Completed"


async def test_a_failed_sub_orchestration_raises_in_its_parent(state: Path) -> None:
    def child(context: Any) -> Story:
        yield context.call_activity("double", 1)
        raise ValueError("text")

    def story(context: Any) -> Story:
        try:
            yield context.call_sub_orchestrator("child")
        except Exception as error:  # noqa: BLE001  the SDK raises nothing more exact
            return str(error)
        return None

    async with hosted(app_of(story, child, double=double), state) as world:
        await world.start("story")
        await world.ended()
        said = (await world.client.get_status("one")).output
        assert said.startswith("Orchestrator function 'child' failed: text")


async def test_a_sub_orchestration_never_takes_the_id_of_a_live_one(state: Path) -> None:
    def waits(context: Any) -> Story:
        return (yield context.wait_for_external_event("news"))

    def story(context: Any) -> Story:
        yield context.call_sub_orchestrator("waits", None, "taken")

    async with hosted(app_of(story, waits), state) as world:
        await world.start("waits", instance="taken")
        await world.quiet()
        before = await world.history("taken")
        await world.start("story")
        assert (await world.ended()).status == "Failed"
        assert await world.history("taken") == before


async def test_continue_as_new_carries_on_with_an_empty_history(state: Path) -> None:
    def story(context: Any) -> Story:
        count = context.get_input()
        yield context.create_timer(context.current_utc_datetime + timedelta(minutes=1))
        if count < 50:
            context.continue_as_new(count + 1)
            return None
        return count

    async with hosted(app_of(story), state) as world:
        await world.start("story", 0)
        first = (await world.instance()).execution
        one = await world.skip()
        assert (one.output, one.name) == ("50", "story")
        assert one.execution != first
        assert len(await world.history()) < 10


async def test_a_custom_status_is_shown_while_it_runs(state: Path) -> None:
    def story(context: Any) -> Story:
        context.set_custom_status({"phase": "waiting"})
        yield context.wait_for_external_event("news")

    async with hosted(app_of(story), state) as world:
        await world.start("story")
        await world.quiet()
        assert (await world.client.get_status("one")).custom_status == {"phase": "waiting"}


async def test_a_new_id_is_the_same_in_every_replay(state: Path) -> None:
    seen: list[str] = []

    def story(context: Any) -> Story:
        seen.append(context.new_uuid())
        yield context.call_activity("double", 1)

    async with hosted(app_of(story, double=double), state) as world:
        await world.start("story")
        await world.ended()
        assert len(seen) == 2
        assert len(set(seen)) == 1
