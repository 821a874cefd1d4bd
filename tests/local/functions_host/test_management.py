"""The management API of Durable Functions, with the SDK's client and over plain HTTP."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import pytest

from tests.local.functions_host.hosted_app import (
    INSTANCES,
    HostFixture,
    Orchestration,
    app_of,
    double,
    hosted,
)

Status = df.OrchestrationRuntimeStatus


def waits(context: Any) -> Orchestration:
    return (yield context.wait_for_external_event("news"))


def ends(context: Any) -> Orchestration:
    yield context.call_activity("double", 1)
    return "ended"


def app() -> Any:
    return app_of(waits, ends, double=double)


async def get(host: HostFixture, path: str) -> tuple[int, Any]:
    async with host.http.get(path) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_a_live_id_cannot_be_started_again(state: Path) -> None:
    async with hosted(app(), state) as host:
        await host.start("waits")
        first = await host.instance()
        with pytest.raises(Exception, match="exists"):
            await host.start("waits")
        assert (await host.instance()).execution == first.execution
        async with host.http.post(
            "/runtime/webhooks/durabletask/orchestrators/waits/one", json=None
        ) as answer:
            assert answer.status == 409


async def test_an_ended_id_can_be_started_again(state: Path) -> None:
    async with hosted(app(), state) as host:
        await host.start("ends")
        first = await host.ended()
        await host.start("ends")
        second = await host.ended()
        assert first.execution != second.execution
        assert (await host.event_types()).count("EXECUTION_STARTED") == 1


async def test_an_unknown_orchestrator_is_refused_with_its_name(state: Path) -> None:
    async with hosted(app(), state) as host:
        with pytest.raises(Exception, match="missing"):
            await host.start("missing")


async def test_an_id_is_generated_if_none_is_given(state: Path) -> None:
    async with hosted(app(), state) as host:
        made = await host.client.start_new("waits")
        assert (await host.instance(made)).name == "waits"


@pytest.mark.parametrize("bad", ["@counter", "a%2Fb", "a%23b", "a%3Fb", "a%5Cb", "x" * 257])
async def test_ids_that_azure_refuses_are_refused(state: Path, bad: str) -> None:
    async with hosted(app(), state) as host:
        path = f"{host.running.url}/runtime/webhooks/durabletask/orchestrators/waits/{bad}"
        async with host.http.post(_encoded(path), json=None) as answer:
            assert answer.status == 400


async def test_an_id_has_up_to_256_characters(state: Path) -> None:
    async with hosted(app(), state) as host:
        assert (await host.instance(await host.start("waits", instance="x" * 256))).id == "x" * 256


async def test_the_status_of_an_unknown_instance_is_falsy(state: Path) -> None:
    async with hosted(app(), state) as host:
        assert not await host.client.get_status("unknown")
        assert (await get(host, f"{INSTANCES}/unknown"))[0] == 404


async def test_a_status_has_code_202_or_200_and_all_fields(state: Path) -> None:
    async with hosted(app(), state) as host:
        await host.start("waits", {"a": 1})
        await host.idle()
        code, running = await get(host, f"{INSTANCES}/one")
        assert (code, running["runtimeStatus"], running["output"]) == (202, "Running", None)
        await host.raise_event({"b": 2})
        code, ended = await get(host, f"{INSTANCES}/one")
        assert (code, ended["runtimeStatus"], ended["output"]) == (200, "Completed", {"b": 2})
        assert ended["name"] == "waits"
        assert ended["instanceId"] == "one"
        assert ended["createdTime"] <= ended["lastUpdatedTime"]
        assert (await get(host, f"{INSTANCES}/one?showInput=false"))[1]["input"] is None


async def test_history_and_results_are_returned_on_request(state: Path) -> None:
    async with hosted(app(), state) as host:
        await host.start("ends")
        await host.ended()
        plain = (await get(host, f"{INSTANCES}/one"))[1]
        events = (await get(host, f"{INSTANCES}/one?showHistory=true"))[1]["historyEvents"]
        full = f"{INSTANCES}/one?showHistory=true&showHistoryOutput=true"
        with_results = (await get(host, full))[1]["historyEvents"]
        assert "historyEvents" not in plain
        kinds = [event["EventType"] for event in events]
        assert kinds == ["ExecutionStarted", "TaskCompleted", "ExecutionCompleted"]
        assert events[1]["FunctionName"] == "double"
        assert not any("Result" in event for event in events)
        assert with_results[1]["Result"] == 2


async def test_instances_are_listed_by_status_time_and_prefix(state: Path) -> None:
    async with hosted(app(), state) as host:
        await host.start("ends", instance="old-1")
        await host.ended("old-1")
        host.clock.advance(timedelta(hours=1))
        noon = host.clock.now()
        await host.start("waits", instance="new-1")
        await host.start("waits", instance="new-2")
        await host.idle()

        async def ids(**query: Any) -> set[str]:
            statuses = await host.client.get_status_by(**query)
            return {status.instance_id for status in statuses}

        assert await ids(runtime_status=[Status.Running]) == {"new-1", "new-2"}
        assert await ids(runtime_status=[Status.Running, Status.Completed]) == {
            "old-1",
            "new-1",
            "new-2",
        }
        assert await ids(created_time_from=noon) == {"new-1", "new-2"}
        assert await ids(created_time_to=noon - timedelta(minutes=1)) == {"old-1"}
        assert await ids(instance_id_prefix="old-") == {"old-1"}
        assert len(await host.client.get_status_all()) == 3


async def test_a_list_has_at_most_100_and_a_token_for_the_rest(state: Path) -> None:
    async with hosted(app(), state) as host:
        for number in range(103):
            await host.start("waits", instance=f"i{number}")
        assert len(await host.client.get_status_all()) == 100
        async with host.http.get(f"{INSTANCES}/") as answer:
            token = answer.headers["x-ms-continuation-token"]
        headers = {"x-ms-continuation-token": token}
        async with host.http.get(f"{INSTANCES}/", headers=headers) as answer:
            assert len(await answer.json()) == 3
            assert not answer.headers.get("x-ms-continuation-token")
        assert len((await get(host, f"{INSTANCES}?top=7"))[1]) == 7


@pytest.mark.parametrize("query", ["top=many", "top=-1", "createdTimeFrom=noon"])
async def test_an_invalid_query_is_refused(state: Path, query: str) -> None:
    async with hosted(app(), state) as host, host.http.get(f"{INSTANCES}?{query}") as answer:
        assert answer.status == 400


async def test_a_terminated_instance_has_the_reason_as_its_output(state: Path) -> None:
    async with hosted(app(), state) as host:
        await host.start("waits")
        await host.client.terminate("one", "no longer needed")
        await host.ended()
        status = await host.client.get_status("one")
        assert (status.runtime_status, status.output) == (Status.Terminated, "no longer needed")
        await host.client.terminate("one", "again")
        with pytest.raises(Exception, match="unknown"):
            await host.client.terminate("unknown", "x")


async def test_a_suspended_instance_receives_nothing_until_it_is_resumed(state: Path) -> None:
    async with hosted(app(), state) as host:
        await host.start("waits")
        await host.idle()
        await host.client.suspend("one", "lunch")
        await host.idle()
        assert (await host.instance()).status == "Suspended"
        await host.raise_event("news")
        assert (await host.instance()).status == "Suspended"
        await host.client.resume("one", "back")
        assert (await host.ended()).output == '"news"'


async def test_events_for_unknown_or_ended_instances_are_refused(state: Path) -> None:
    async with hosted(app(), state) as host:
        with pytest.raises(Exception, match="No instance with ID unknown"):
            await host.client.raise_event("unknown", "news")
        await host.start("ends")
        await host.ended()
        with pytest.raises(Exception, match="gone"):
            await host.client.raise_event("one", "news")
        await host.start("waits", instance="two")
        async with host.http.post(f"{INSTANCES}/two/raiseEvent/news", data="text") as answer:
            assert answer.status == 400


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "text/plain"}])
async def test_an_event_without_a_json_content_type_is_refused(
    state: Path, headers: dict[str, str]
) -> None:
    async with hosted(app(), state) as host:
        await host.start("waits")
        await host.idle()
        path = f"{INSTANCES}/one/raiseEvent/news"
        async with host.http.post(path, data=b"1", headers=headers) as answer:
            assert answer.status == 400
            assert "Only application/json" in (await answer.json())["Message"]
        assert (await host.instance()).status == "Running"


async def test_restarting_an_unknown_instance_is_a_bad_request(state: Path) -> None:
    async with hosted(app(), state) as host, host.http.post(f"{INSTANCES}/no/restart") as answer:
        assert answer.status == 400


async def test_purging_removes_only_ended_instances(state: Path) -> None:
    async with hosted(app(), state) as host:
        await host.start("ends")
        await host.ended()
        await host.start("waits", instance="two")
        await host.idle()
        assert (await host.client.purge_instance_history("one")).instances_deleted == 1
        assert (await host.client.purge_instance_history("one")).instances_deleted == 0
        assert (await host.client.purge_instance_history("two")).instances_deleted == 0
        assert not await host.client.get_status("one")
        assert await host.history() == []


async def test_purging_by_time_and_status(state: Path) -> None:
    async with hosted(app(), state) as host:
        begun = host.clock.now()
        for number in range(3):
            await host.start("ends", instance=f"i{number}")
            await host.ended(f"i{number}")
            host.clock.advance(timedelta(hours=1))
        until = begun + timedelta(minutes=90)
        purged = await host.client.purge_instance_history_by(
            begun, until, [Status.Completed, Status.Failed]
        )
        assert purged.instances_deleted == 2
        assert [status.instance_id for status in await host.client.get_status_all()] == ["i2"]
        assert (await host.client.purge_instance_history_by(begun, until)).instances_deleted == 0
        async with host.http.delete(f"{INSTANCES}/") as answer:
            assert answer.status == 400


async def test_restarting_repeats_the_input(state: Path) -> None:
    def echo(context: Any) -> Orchestration:
        yield context.call_activity("double", 1)
        return context.get_input()

    async with hosted(app_of(echo, double=double), state) as host:
        await host.start("echo", {"a": 1})
        first = await host.ended()
        restarted = await host.client.restart("one")
        second = await host.ended(restarted["id"])
        assert second.id != first.id
        assert second.output == first.output
        await host.client.restart("one", restart_with_new_instance_id=False)
        assert (await host.ended()).execution != first.execution


async def test_entities_and_rewind_return_501(state: Path) -> None:
    async with hosted(app(), state) as host:
        assert (await get(host, "/runtime/webhooks/durabletask/entities/counter/a"))[0] == 501
        async with host.http.post(f"{INSTANCES}/one/rewind?reason=x") as answer:
            assert answer.status == 501
            assert "not supported" in (await answer.json())["Message"]


async def test_the_links_of_a_check_status_response_work(state: Path) -> None:
    async with hosted(app(), state) as host:
        await host.start("waits")
        await host.idle()
        links = host.client.create_http_management_payload("one")
        assert (await get(host, links["statusQueryGetUri"]))[0] == 202
        event = links["sendEventPostUri"].replace("{eventName}", "news")
        async with host.http.post(event, json=5) as answer:
            assert answer.status == 202
        assert (await host.ended()).output == "5"


def _encoded(path: str) -> Any:
    from yarl import URL

    return URL(path, encoded=True)
