"""The client API of Durable Functions, by the SDK's own client and over plain HTTP."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import pytest

from tests.local.functions_host.hosted_app import INSTANCES, Story, World, app_of, double, hosted

Status = df.OrchestrationRuntimeStatus


def waits(context: Any) -> Story:
    return (yield context.wait_for_external_event("news"))


def ends(context: Any) -> Story:
    yield context.call_activity("double", 1)
    return "ended"


def app() -> Any:
    return app_of(waits, ends, double=double)


async def get(world: World, path: str) -> tuple[int, Any]:
    async with world.http.get(path) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_a_live_id_cannot_be_started_again(state: Path) -> None:
    async with hosted(app(), state) as world:
        await world.start("waits")
        first = await world.instance()
        with pytest.raises(Exception, match="exists"):
            await world.start("waits")
        assert (await world.instance()).execution == first.execution
        async with world.http.post(
            "/runtime/webhooks/durabletask/orchestrators/waits/one", json=None
        ) as answer:
            assert answer.status == 409


async def test_an_ended_id_starts_over(state: Path) -> None:
    async with hosted(app(), state) as world:
        await world.start("ends")
        first = await world.ended()
        await world.start("ends")
        second = await world.ended()
        assert first.execution != second.execution
        assert (await world.kinds()).count("EXECUTION_STARTED") == 1


async def test_an_unknown_orchestrator_is_refused_with_its_name(state: Path) -> None:
    async with hosted(app(), state) as world:
        with pytest.raises(Exception, match="missing"):
            await world.start("missing")


async def test_an_id_is_made_where_none_is_given(state: Path) -> None:
    async with hosted(app(), state) as world:
        made = await world.client.start_new("waits")
        assert (await world.instance(made)).name == "waits"


@pytest.mark.parametrize("bad", ["@counter", "a%2Fb", "a%23b", "a%3Fb", "a%5Cb", "x" * 257])
async def test_ids_that_azure_refuses_are_refused(state: Path, bad: str) -> None:
    async with hosted(app(), state) as world:
        path = f"{world.running.url}/runtime/webhooks/durabletask/orchestrators/waits/{bad}"
        async with world.http.post(_encoded(path), json=None) as answer:
            assert answer.status == 400


async def test_an_id_has_up_to_256_characters(state: Path) -> None:
    async with hosted(app(), state) as world:
        assert (
            await world.instance(await world.start("waits", instance="x" * 256))
        ).id == "x" * 256


async def test_the_status_of_an_unknown_instance_is_falsy(state: Path) -> None:
    async with hosted(app(), state) as world:
        assert not await world.client.get_status("nobody")
        assert (await get(world, f"{INSTANCES}/nobody"))[0] == 404


async def test_a_status_tells_whether_it_has_ended_and_all_about_it(state: Path) -> None:
    async with hosted(app(), state) as world:
        await world.start("waits", {"a": 1})
        await world.quiet()
        code, running = await get(world, f"{INSTANCES}/one")
        assert (code, running["runtimeStatus"], running["output"]) == (202, "Running", None)
        await world.tell({"b": 2})
        code, ended = await get(world, f"{INSTANCES}/one")
        assert (code, ended["runtimeStatus"], ended["output"]) == (200, "Completed", {"b": 2})
        assert ended["name"] == "waits"
        assert ended["instanceId"] == "one"
        assert ended["createdTime"] <= ended["lastUpdatedTime"]
        assert (await get(world, f"{INSTANCES}/one?showInput=false"))[1]["input"] is None


async def test_history_is_shown_on_request_with_results_on_request(state: Path) -> None:
    async with hosted(app(), state) as world:
        await world.start("ends")
        await world.ended()
        plain = (await get(world, f"{INSTANCES}/one"))[1]
        shown = (await get(world, f"{INSTANCES}/one?showHistory=true"))[1]["historyEvents"]
        full = f"{INSTANCES}/one?showHistory=true&showHistoryOutput=true"
        with_results = (await get(world, full))[1]["historyEvents"]
        assert "historyEvents" not in plain
        kinds = [event["EventType"] for event in shown]
        assert kinds == ["ExecutionStarted", "TaskCompleted", "ExecutionCompleted"]
        assert shown[1]["FunctionName"] == "double"
        assert not any("Result" in event for event in shown)
        assert with_results[1]["Result"] == 2


async def test_instances_are_listed_by_status_time_and_prefix(state: Path) -> None:
    async with hosted(app(), state) as world:
        await world.start("ends", instance="old-1")
        await world.ended("old-1")
        world.clock.advance(timedelta(hours=1))
        noon = world.clock.now()
        await world.start("waits", instance="new-1")
        await world.start("waits", instance="new-2")
        await world.quiet()

        async def ids(**query: Any) -> set[str]:
            found = await world.client.get_status_by(**query)
            return {status.instance_id for status in found}

        assert await ids(runtime_status=[Status.Running]) == {"new-1", "new-2"}
        assert await ids(runtime_status=[Status.Running, Status.Completed]) == {
            "old-1",
            "new-1",
            "new-2",
        }
        assert await ids(created_time_from=noon) == {"new-1", "new-2"}
        assert await ids(created_time_to=noon - timedelta(minutes=1)) == {"old-1"}
        assert await ids(instance_id_prefix="old-") == {"old-1"}
        assert len(await world.client.get_status_all()) == 3


async def test_a_list_has_at_most_100_and_a_token_for_the_rest(state: Path) -> None:
    async with hosted(app(), state) as world:
        for number in range(103):
            await world.start("waits", instance=f"i{number}")
        assert len(await world.client.get_status_all()) == 100
        async with world.http.get(f"{INSTANCES}/") as answer:
            token = answer.headers["x-ms-continuation-token"]
        headers = {"x-ms-continuation-token": token}
        async with world.http.get(f"{INSTANCES}/", headers=headers) as answer:
            assert len(await answer.json()) == 3
            assert not answer.headers.get("x-ms-continuation-token")
        assert len((await get(world, f"{INSTANCES}?top=7"))[1]) == 7


@pytest.mark.parametrize("query", ["top=many", "top=-1", "createdTimeFrom=noon"])
async def test_a_question_that_makes_no_sense_is_refused(state: Path, query: str) -> None:
    async with hosted(app(), state) as world, world.http.get(f"{INSTANCES}?{query}") as answer:
        assert answer.status == 400


async def test_a_terminated_instance_has_the_reason_as_its_output(state: Path) -> None:
    async with hosted(app(), state) as world:
        await world.start("waits")
        await world.client.terminate("one", "no longer needed")
        await world.ended()
        status = await world.client.get_status("one")
        assert (status.runtime_status, status.output) == (Status.Terminated, "no longer needed")
        await world.client.terminate("one", "again")
        with pytest.raises(Exception, match="nobody"):
            await world.client.terminate("nobody", "x")


async def test_a_suspended_instance_receives_nothing_until_it_is_resumed(state: Path) -> None:
    async with hosted(app(), state) as world:
        await world.start("waits")
        await world.quiet()
        await world.client.suspend("one", "lunch")
        await world.quiet()
        assert (await world.instance()).status == "Suspended"
        await world.tell("heard")
        assert (await world.instance()).status == "Suspended"
        await world.client.resume("one", "back")
        assert (await world.ended()).output == '"heard"'


async def test_events_for_who_is_not_there_are_refused(state: Path) -> None:
    async with hosted(app(), state) as world:
        with pytest.raises(Exception, match="No instance with ID nobody"):
            await world.client.raise_event("nobody", "news")
        await world.start("ends")
        await world.ended()
        with pytest.raises(Exception, match="gone"):
            await world.client.raise_event("one", "news")
        await world.start("waits", instance="two")
        async with world.http.post(f"{INSTANCES}/two/raiseEvent/news", data="text") as answer:
            assert answer.status == 400


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "text/plain"}])
async def test_an_event_that_is_not_called_json_is_refused(
    state: Path, headers: dict[str, str]
) -> None:
    async with hosted(app(), state) as world:
        await world.start("waits")
        await world.quiet()
        path = f"{INSTANCES}/one/raiseEvent/news"
        async with world.http.post(path, data=b"1", headers=headers) as answer:
            assert answer.status == 400
            assert "Only application/json" in (await answer.json())["Message"]
        assert (await world.instance()).status == "Running"


async def test_restarting_what_is_not_there_is_a_bad_request(state: Path) -> None:
    async with hosted(app(), state) as world, world.http.post(f"{INSTANCES}/no/restart") as answer:
        assert answer.status == 400


async def test_purging_forgets_ended_instances_alone(state: Path) -> None:
    async with hosted(app(), state) as world:
        await world.start("ends")
        await world.ended()
        await world.start("waits", instance="two")
        await world.quiet()
        assert (await world.client.purge_instance_history("one")).instances_deleted == 1
        assert (await world.client.purge_instance_history("one")).instances_deleted == 0
        assert (await world.client.purge_instance_history("two")).instances_deleted == 0
        assert not await world.client.get_status("one")
        assert await world.history() == []


async def test_purging_by_time_and_status(state: Path) -> None:
    async with hosted(app(), state) as world:
        begun = world.clock.now()
        for number in range(3):
            await world.start("ends", instance=f"i{number}")
            await world.ended(f"i{number}")
            world.clock.advance(timedelta(hours=1))
        until = begun + timedelta(minutes=90)
        purged = await world.client.purge_instance_history_by(
            begun, until, [Status.Completed, Status.Failed]
        )
        assert purged.instances_deleted == 2
        assert [one.instance_id for one in await world.client.get_status_all()] == ["i2"]
        assert (await world.client.purge_instance_history_by(begun, until)).instances_deleted == 0
        async with world.http.delete(f"{INSTANCES}/") as answer:
            assert answer.status == 400


async def test_restarting_repeats_the_input(state: Path) -> None:
    def echo(context: Any) -> Story:
        yield context.call_activity("double", 1)
        return context.get_input()

    async with hosted(app_of(echo, double=double), state) as world:
        await world.start("echo", {"a": 1})
        first = await world.ended()
        restarted = await world.client.restart("one")
        second = await world.ended(restarted["id"])
        assert second.id != first.id
        assert second.output == first.output
        await world.client.restart("one", restart_with_new_instance_id=False)
        assert (await world.ended()).execution != first.execution


async def test_entities_and_rewinding_are_answered_501(state: Path) -> None:
    async with hosted(app(), state) as world:
        assert (await get(world, "/runtime/webhooks/durabletask/entities/counter/a"))[0] == 501
        async with world.http.post(f"{INSTANCES}/one/rewind?reason=x") as answer:
            assert answer.status == 501
            assert "not offered" in (await answer.json())["Message"]


async def test_the_links_of_a_check_status_response_work(state: Path) -> None:
    async with hosted(app(), state) as world:
        await world.start("waits")
        await world.quiet()
        links = world.client.create_http_management_payload("one")
        assert (await get(world, links["statusQueryGetUri"]))[0] == 202
        event = links["sendEventPostUri"].replace("{eventName}", "news")
        async with world.http.post(event, json=5) as answer:
            assert answer.status == 202
        assert (await world.ended()).output == "5"


def _encoded(path: str) -> Any:
    from yarl import URL

    return URL(path, encoded=True)
