import asyncio
import io
import json
import sys
import threading
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import azure.functions as func
import pytest

from tests.local.functions_host.hosted_app import app_of, hosted


def app_with(*routes: tuple[str, Any, dict[str, Any]]) -> Any:
    """An app of HTTP functions, given as name, function and arguments of `route`."""
    app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    for name, function, route in routes:
        app.function_name(name)(app.route(**route)(function))
    return app


def echo(req: func.HttpRequest) -> func.HttpResponse:
    echoed = {
        "method": req.method,
        "url": req.url,
        "route": dict(req.route_params),
        "params": dict(req.params),
        "header": req.headers.get("X-Word"),
        "body": req.get_body().decode(),
    }
    return func.HttpResponse(json.dumps(echoed), mimetype="application/json")


async def test_a_function_gets_the_whole_request(state: Path) -> None:
    app = app_with(("echo", echo, {"route": "things/{id}", "methods": ["POST"]}))
    async with (
        hosted(app, state) as host,
        host.http.post("/api/things/a%20b?x=1&x=2", data=b"text", headers={"x-word": "w"}) as r,
    ):
        echoed = await r.json()
        assert echoed["url"].startswith(f"{host.running.url}/api/things/a%20b?")
        del echoed["url"]
        assert echoed == {
            "method": "POST",
            "route": {"id": "a b"},
            "params": {"x": "1,2"},
            "header": "w",
            "body": "text",
        }


async def test_empty_query_values_and_headers_are_dropped(state: Path) -> None:
    def names(req: func.HttpRequest) -> str:
        return json.dumps([sorted(req.params), "x-empty" in req.headers, "x-word" in req.headers])

    headers = {"X-Empty": "", "X-Word": "w"}
    async with (
        hosted(app_with(("names", names, {"route": "names"})), state) as host,
        host.http.get("/api/names?a=&b=1&c", headers=headers) as answer,
    ):
        assert json.loads(await answer.text()) == [["b"], False, True]


async def test_a_response_has_the_functions_status_headers_and_body(state: Path) -> None:
    def answer(req: func.HttpRequest) -> func.HttpResponse:
        headers = {"X-Word": "w", "Content-Type": "text/csv"}
        return func.HttpResponse(b"a,b", status_code=418, headers=headers)

    app = app_with(("answer", answer, {"route": "answer"}))
    async with hosted(app, state) as host, host.http.get("/api/answer") as response:
        assert response.status == 418
        assert response.headers["X-Word"] == "w"
        assert response.headers["Content-Type"] == "text/csv"
        assert await response.read() == b"a,b"


@pytest.mark.parametrize(
    ("value", "status", "body"), [("text", 200, "text"), (None, 500, ""), ({"a": 1}, 500, "")]
)
async def test_a_result_that_is_neither_response_nor_text_is_500(
    state: Path, value: Any, status: int, body: str
) -> None:
    def answer(req: func.HttpRequest):  # type: ignore[no-untyped-def]
        return value

    app = app_with(("answer", answer, {"route": "answer"}))
    async with hosted(app, state) as host, host.http.get("/api/answer") as response:
        assert (response.status, await response.text()) == (status, body)


@pytest.mark.parametrize("error", [ValueError("text"), SystemExit(3), StopIteration()])
async def test_a_crash_is_500_without_a_body_and_a_logged_failure(
    state: Path, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(req: func.HttpRequest) -> str:
        raise error

    async def crash_async(req: func.HttpRequest) -> str:
        if isinstance(error, SystemExit):
            sys.exit(3)
        raise error

    routes = [("crash", crash, {"route": "a"}), ("crash_async", crash_async, {"route": "b"})]
    async with hosted(app_with(*routes), state) as host:
        for path in ("/api/a", "/api/b"):
            async with host.http.get(path) as response:
                assert (response.status, await response.read()) == (500, b"")
    failed = [record for record in caplog.records if "failed" in record.message]
    assert [record.exc_info is not None for record in failed] == [True, True]


async def test_an_unknown_route_or_method_is_404_without_a_body(state: Path) -> None:
    app = app_with(("echo", echo, {"route": "echo", "methods": ["GET"]}))
    async with hosted(app, state) as host:
        for method, path in (("GET", "/api/other"), ("GET", "/echo"), ("POST", "/api/echo")):
            async with host.http.request(method, path) as response:
                assert (response.status, await response.read()) == (404, b"")


async def test_one_route_serves_each_method_by_its_own_function(state: Path) -> None:
    def read(req: func.HttpRequest) -> str:
        return "read"

    def write(req: func.HttpRequest) -> str:
        return "write"

    app = app_with(
        ("read", read, {"route": "thing/{id}", "methods": ["GET"]}),
        ("write", write, {"route": "thing/{name}", "methods": ["PUT"]}),
    )
    async with hosted(app, state) as host:
        for method, text in (("GET", "read"), ("PUT", "write")):
            async with host.http.request(method, "/api/thing/1") as response:
                assert await response.text() == text


@pytest.mark.parametrize(("exact", "other", "answers"), [("b", "a", "a"), ("B", "c", "B")])
async def test_routes_are_tried_by_function_name_not_by_specificity(
    state: Path, exact: str, other: str, answers: str
) -> None:
    """Source: Azure/azure-functions-host, FunctionMetadataManager.LoadFunctionMetadata."""

    def says(name: str) -> Any:
        def answer(req: func.HttpRequest) -> func.HttpResponse:
            return func.HttpResponse(name)

        return answer

    app = app_with(
        (exact, says(exact), {"route": "things/list"}),
        (other, says(other), {"route": "things/{*rest}"}),
    )
    async with hosted(app, state) as host, host.http.get("/api/things/list") as r:
        assert await r.text() == answers


async def test_a_function_without_a_route_uses_its_name(state: Path) -> None:
    async with (
        hosted(app_with(("Echo", echo, {})), state) as host,
        host.http.delete("/API/echo") as response,
    ):
        assert response.status == 200


async def test_the_route_prefix_comes_from_host_json(state: Path) -> None:
    for prefix, path in (("", "/echo"), ("v1/x", "/v1/x/echo")):
        options = {"extensions": {"http": {"routePrefix": prefix}}}
        app = app_with(("echo", echo, {"route": "echo"}))
        async with hosted(app, state, options=options) as host, host.http.get(path) as response:
            assert response.status == 200


async def test_a_body_of_many_megabytes_arrives_whole(state: Path) -> None:
    def length(req: func.HttpRequest) -> str:
        return str(len(req.get_body()))

    app = app_with(("length", length, {"route": "length"}))
    async with (
        hosted(app, state) as host,
        host.http.post("/api/length", data=io.BytesIO(b"x" * 30_000_000)) as response,
    ):
        assert await response.text() == "30000000"


async def test_a_function_that_blocks_does_not_block_others(state: Path) -> None:
    go_on = threading.Event()

    def slow(req: func.HttpRequest) -> str:
        assert go_on.wait(20)
        return "slow"

    async def release(req: func.HttpRequest) -> str:
        go_on.set()
        return "released"

    routes = [("slow", slow, {"route": "slow"}), ("release", release, {"route": "release"})]
    async with hosted(app_with(*routes), state) as host:

        async def get(path: str) -> str:
            async with host.http.get(path) as response:
                return await response.text()

        first = [asyncio.create_task(get("/api/slow")) for _ in range(5)]
        assert await get("/api/release") == "released"
        assert await asyncio.gather(*first) == ["slow"] * 5


async def test_an_http_function_starts_an_orchestration_by_its_client(state: Path) -> None:
    def orchestrator(context: Any) -> Any:
        return (yield context.wait_for_external_event("news"))

    async def begin(
        req: func.HttpRequest, starter: df.DurableOrchestrationClient
    ) -> func.HttpResponse:
        instance = await starter.start_new("orchestrator", "one", req.get_json())
        answer: func.HttpResponse = starter.create_check_status_response(req, instance)
        return answer

    app = app_of(orchestrator)
    with_client = app.durable_client_input(client_name="starter")(begin)
    app.function_name("begin")(app.route(route="begin", methods=["POST"])(with_client))
    async with hosted(app, state) as host:
        async with host.http.post("/api/begin", json={"a": 1}) as response:
            assert response.status == 202
            links = await response.json()
        assert response.headers["Location"] == links["statusQueryGetUri"]
        async with host.http.get(links["statusQueryGetUri"]) as status:
            assert (await status.json())["instanceId"] == "one"


async def test_a_sync_function_with_a_client_crashes_as_on_azure(state: Path) -> None:
    def begin(req: func.HttpRequest, starter: df.DurableOrchestrationClient) -> str:
        return "never seen"

    app = df.DFApp()
    with_client = app.durable_client_input(client_name="starter")(begin)
    app.function_name("begin")(app.route(route="begin")(with_client))
    async with hosted(app, state) as host, host.http.get("/api/begin") as response:
        assert response.status == 500


async def test_a_function_can_have_a_context_parameter(state: Path) -> None:
    def about(req: func.HttpRequest, context: func.Context) -> str:
        return f"{context.function_name} {len(context.invocation_id)}"

    app = app_with(("about", about, {"route": "about"}))
    async with hosted(app, state) as host, host.http.get("/api/about") as response:
        assert await response.text() == "about 36"


async def test_each_call_logs_one_line(state: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "host")
    app = app_with(("echo", echo, {"route": "echo"}))
    async with hosted(app, state) as host, host.http.get("/api/echo?x=1") as response:
        assert response.status == 200
    (line,) = [record.message for record in caplog.records if record.name == "host"]
    assert line.split()[:3] == ["http", "echo", "200"]
    assert line.endswith("ms  GET /api/echo")


async def test_the_host_status_is_running(state: Path) -> None:
    async with (
        hosted(app_with(("echo", echo, {})), state) as host,
        host.http.get("/admin/host/status") as response,
    ):
        assert (await response.json())["state"] == "Running"
