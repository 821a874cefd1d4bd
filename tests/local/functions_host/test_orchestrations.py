from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df

from tests.local.functions_host.hosted_app import Orchestration, app_of, broken, double, hosted

DAY = timedelta(days=1)


async def test_a_yield_returns_the_activitys_result(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        first = yield context.call_activity("double", context.get_input()["number"])
        second = yield context.call_activity("double", first)
        return {"got": second}

    async with hosted(app_of(orchestrator, double=double), state) as host:
        await host.start("orchestrator", {"number": 3})
        instance = await host.ended()
        assert (instance.status, instance.output) == ("Completed", '{"got":12}')
        assert await host.event_types() == [
            "EXECUTION_STARTED",
            "TASK_SCHEDULED",
            "TASK_COMPLETED",
            "TASK_SCHEDULED",
            "TASK_COMPLETED",
            "EXECUTION_COMPLETED",
        ]


async def test_the_input_is_passed_unchanged(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        yield context.call_activity("double", 1)
        return context.get_input()

    for given in ({"a": [1, None]}, "text", 7, [1, 2], None):
        async with hosted(app_of(orchestrator, double=double), state) as host:
            await host.start("orchestrator", given)
            await host.ended()
            assert (await host.client.get_status("one")).output == given


async def test_activities_fan_out_and_in(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        return (yield context.task_all([context.call_activity("double", n) for n in range(20)]))

    async with hosted(app_of(orchestrator, double=double), state) as host:
        await host.start("orchestrator")
        await host.ended()
        assert (await host.client.get_status("one")).output == [n * 2 for n in range(20)]


async def test_a_timer_fires_at_its_time_and_not_before(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        yield context.create_timer(context.current_utc_datetime + timedelta(hours=6))
        return str(context.current_utc_datetime)

    async with hosted(app_of(orchestrator), state) as host:
        begun = host.clock.now()
        await host.start("orchestrator")
        await host.idle()
        await host.advance(timedelta(hours=5, minutes=59))
        assert (await host.instance()).status == "Running"
        await host.advance(timedelta(minutes=1))
        assert (await host.ended()).output == f'"{begun + timedelta(hours=6)}"'


async def test_a_long_timer_is_split_into_short_ones(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        yield context.create_timer(context.current_utc_datetime + 10 * DAY)
        return str(context.current_utc_datetime)

    async with hosted(app_of(orchestrator), state) as host:
        begun = host.clock.now()
        await host.start("orchestrator")
        assert (await host.run_to_end()).output == f'"{begun + 10 * DAY}"'
        assert (await host.event_types()).count("TIMER_FIRED") == 3


async def test_an_event_is_received_by_its_waiter(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        return (yield context.wait_for_external_event("news"))

    async with hosted(app_of(orchestrator), state) as host:
        await host.start("orchestrator")
        await host.idle()
        await host.raise_event({"a": 1})
        assert (await host.ended()).output == '{"a":1}'


async def test_events_of_the_sdks_client_arrive_as_json_texts(state: Path) -> None:
    """The SDK writes the data as JSON twice, and the extension reads it once."""

    def orchestrator(context: Any) -> Orchestration:
        return (yield context.wait_for_external_event("news"))

    async with hosted(app_of(orchestrator), state) as host:
        await host.start("orchestrator")
        await host.idle()
        await host.client.raise_event("one", "news", {"a": 1})
        await host.ended()
        assert (await host.client.get_status("one")).output == '{"a": 1}'


async def test_task_any_returns_the_first_of_event_and_timer(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        news = context.wait_for_external_event("news")
        rounds = 0
        while True:
            timer = context.create_timer(context.current_utc_datetime + timedelta(minutes=1))
            winner = yield context.task_any([news, timer])
            if winner == news:
                timer.cancel()
                return rounds
            rounds += 1

    async with hosted(app_of(orchestrator), state) as host:
        await host.start("orchestrator")
        await host.idle()
        for _ in range(3):
            await host.advance(timedelta(minutes=1))
        await host.client.raise_event("one", "news")
        assert (await host.ended()).output == "3"


async def test_a_failed_activity_raises_in_the_orchestrator(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        try:
            yield context.call_activity("broken", "text")
        except Exception as error:  # noqa: BLE001  the SDK raises nothing more exact
            return str(error)
        return None

    async with hosted(app_of(orchestrator, broken=broken), state) as host:
        await host.start("orchestrator")
        await host.ended()
        output = (await host.client.get_status("one")).output
        assert output.startswith("Activity function 'broken' failed:  ValueError: text \n {")
        assert output.endswith("}")


async def test_an_exception_fails_the_orchestration(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        yield context.call_activity("double", 1)
        raise KeyError("no such thing")

    async with hosted(app_of(orchestrator, double=double), state) as host:
        await host.start("orchestrator")
        assert (await host.ended()).status == "Failed"
        status = await host.client.get_status("one")
        assert status.runtime_status is df.OrchestrationRuntimeStatus.Failed
        assert status.output == "Orchestrator function 'orchestrator' failed: 'no such thing'"


async def test_retries_wait_and_the_last_timer_fires_at_once(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        try:
            yield context.call_activity_with_retry("broken", df.RetryOptions(60_000, 3), "text")
        except Exception:  # noqa: BLE001  the SDK raises nothing more exact
            return str(context.current_utc_datetime)
        return None

    async with hosted(app_of(orchestrator, broken=broken), state) as host:
        begun = host.clock.now()
        await host.start("orchestrator")
        assert (await host.run_to_end()).output == f'"{begun + timedelta(minutes=2)}"'
        assert [kind for kind in await host.event_types() if "ED" in kind and "TASK_F" in kind] == [
            "TASK_FAILED"
        ] * 3
        assert (await host.event_types()).count("TIMER_FIRED") == 3


async def test_a_successful_retry_returns_its_result(state: Path) -> None:
    calls: list[int] = []

    def flaky(number: int) -> int:
        calls.append(number)
        if len(calls) < 3:
            raise ConnectionError("away")
        return number

    def orchestrator(context: Any) -> Orchestration:
        got = yield context.call_activity_with_retry("flaky", df.RetryOptions(1000, 5), 7)
        return (yield context.call_activity("double", got))

    async with hosted(app_of(orchestrator, flaky=flaky, double=double), state) as host:
        await host.start("orchestrator")
        assert (await host.run_to_end()).output == "14"
        assert calls == [7, 7, 7]


async def test_a_sub_orchestration_returns_its_result_to_the_parent(state: Path) -> None:
    def child(context: Any) -> Orchestration:
        doubled = yield context.call_activity("double", context.get_input())
        return {"parent": context.parent_instance_id, "doubled": doubled}

    def orchestrator(context: Any) -> Orchestration:
        named = yield context.call_sub_orchestrator("child", 4, "one-child")
        unnamed = yield context.call_sub_orchestrator("child", 5)
        return [named, unnamed]

    async with hosted(app_of(orchestrator, child, double=double), state) as host:
        await host.start("orchestrator")
        await host.ended()
        assert (await host.client.get_status("one")).output == [
            {"parent": "one", "doubled": 8},
            {"parent": "one", "doubled": 10},
        ]
        assert (await host.instance("one-child")).status == "Completed"


async def test_a_failed_sub_orchestration_raises_in_its_parent(state: Path) -> None:
    def child(context: Any) -> Orchestration:
        yield context.call_activity("double", 1)
        raise ValueError("text")

    def orchestrator(context: Any) -> Orchestration:
        try:
            yield context.call_sub_orchestrator("child")
        except Exception as error:  # noqa: BLE001  the SDK raises nothing more exact
            return str(error)
        return None

    async with hosted(app_of(orchestrator, child, double=double), state) as host:
        await host.start("orchestrator")
        await host.ended()
        output = (await host.client.get_status("one")).output
        assert output.startswith("Orchestrator function 'child' failed: text")


async def test_a_sub_orchestration_cannot_use_the_id_of_a_live_instance(state: Path) -> None:
    def waits(context: Any) -> Orchestration:
        return (yield context.wait_for_external_event("news"))

    def orchestrator(context: Any) -> Orchestration:
        yield context.call_sub_orchestrator("waits", None, "taken")

    async with hosted(app_of(orchestrator, waits), state) as host:
        await host.start("waits", instance="taken")
        await host.idle()
        before = await host.history("taken")
        await host.start("orchestrator")
        assert (await host.ended()).status == "Failed"
        assert await host.history("taken") == before


async def test_continue_as_new_starts_with_an_empty_history(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        count = context.get_input()
        yield context.create_timer(context.current_utc_datetime + timedelta(minutes=1))
        if count < 50:
            context.continue_as_new(count + 1)
            return None
        return count

    async with hosted(app_of(orchestrator), state) as host:
        await host.start("orchestrator", 0)
        first = (await host.instance()).execution
        instance = await host.run_to_end()
        assert (instance.output, instance.name) == ("50", "orchestrator")
        assert instance.execution != first
        assert len(await host.history()) < 10


async def test_a_custom_status_is_visible_while_the_instance_runs(state: Path) -> None:
    def orchestrator(context: Any) -> Orchestration:
        context.set_custom_status({"phase": "waiting"})
        yield context.wait_for_external_event("news")

    async with hosted(app_of(orchestrator), state) as host:
        await host.start("orchestrator")
        await host.idle()
        assert (await host.client.get_status("one")).custom_status == {"phase": "waiting"}


async def test_a_new_id_is_the_same_in_every_replay(state: Path) -> None:
    seen: list[str] = []

    def orchestrator(context: Any) -> Orchestration:
        seen.append(context.new_uuid())
        yield context.call_activity("double", 1)

    async with hosted(app_of(orchestrator, double=double), state) as host:
        await host.start("orchestrator")
        await host.ended()
        assert len(seen) == 2
        assert len(set(seen)) == 1
