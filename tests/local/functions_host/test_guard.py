"""Failure 61: foreign web pages cannot call the host."""

import asyncio
import gzip
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from local.functions_host.guard import LOOPBACK, hosts_of, quiet_logger
from tests.local.functions_host.hosted_app import (
    INSTANCES,
    TIMEOUT_SECONDS,
    HostFixture,
    Orchestration,
    app_of,
    hosted,
)

EVIL = "http://evil.example"
PATHS = [
    ("POST", "/admin/functions/tick"),
    ("GET", "/admin/host/status"),
    ("POST", "/runtime/webhooks/durabletask/orchestrators/orchestrator/two"),
    ("GET", f"{INSTANCES}/one"),
    ("POST", f"{INSTANCES}/one/terminate"),
    ("POST", f"{INSTANCES}/one/raiseEvent/news"),
    ("DELETE", f"{INSTANCES}/one"),
    ("GET", "/api/run"),
    ("POST", "/api/run"),
    ("GET", "/api/nothing"),
]
FOREIGN = {
    "a page": {"Origin": EVIL},
    "a page over TLS": {"Origin": "https://localhost.evil.example"},
    "a sandboxed page": {"Origin": "null"},
    "no origin": {"Origin": ""},
    "an origin that is no URL": {"Origin": "http://["},
    "a rebound name": {"Host": "evil.example:7071"},
    "a rebound name of this machine's": {"Host": "127.0.0.1.evil.example"},
    "no name": {"Host": ""},
    "an image": {"Sec-Fetch-Site": "cross-site"},
    "an image with its page": {"Sec-Fetch-Site": "cross-site", "Referer": f"{EVIL}/page"},
    "a proxy for another machine": {"X-Forwarded-For": "10.0.0.4, 127.0.0.1"},
}
LOCAL = {
    "curl": {},
    "by name": {"Host": "localhost:7071"},
    "by IPv6": {"Host": "[::1]:7071"},
    "its own page": {"Origin": "http://127.0.0.1:7071", "Sec-Fetch-Site": "same-origin"},
    "a page behind a proxy": {"Host": "localhost:4173", "Origin": "http://localhost:4173"},
    "a page of another server here": {
        "Origin": "http://localhost:5173",
        "Sec-Fetch-Site": "cross-site",
    },
    "an image of such a page": {
        "Sec-Fetch-Site": "cross-site",
        "Referer": "http://localhost:5173/jobs",
    },
    "the address bar": {"Sec-Fetch-Site": "none"},
    "a proxy here": {"X-Forwarded-For": "127.0.0.1, ::1, [::1]:80"},
}


class Ran:
    """An app that records which functions ran."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.app = app_of(self.orchestrator())

        def run(req: func.HttpRequest) -> str:
            self.names.append("run")
            return "ran"

        def tick(timer: func.TimerRequest) -> None:
            self.names.append("tick")

        self.app.function_name("run")(self.app.route(route="run")(run))
        timed = self.app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *")
        self.app.function_name("tick")(timed(tick))

    def orchestrator(self) -> Any:
        def orchestrator(context: Any) -> Orchestration:
            self.names.append("orchestrator")
            return (yield context.wait_for_external_event("news"))

        return orchestrator


async def status_of(host: HostFixture, method: str, path: str, headers: dict[str, str]) -> int:
    async with host.http.request(method, path, headers=headers) as answer:
        return answer.status


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
async def test_failure_61_foreign_requests_have_no_effect(
    state: Path, headers: dict[str, str]
) -> None:
    ran = Ran()
    async with hosted(ran.app, state) as host:
        await host.start("orchestrator")
        await host.idle()
        before = list(ran.names), await host.instance()
        for method, path in PATHS:
            assert await status_of(host, method, path, headers) == 403, (method, path)
        await host.idle()
        assert (ran.names, await host.instance()) == before


@pytest.mark.parametrize("headers", LOCAL.values(), ids=LOCAL)
async def test_local_programs_and_pages_are_served(state: Path, headers: dict[str, str]) -> None:
    ran = Ran()
    async with hosted(ran.app, state) as host:
        assert await status_of(host, "POST", "/api/run", headers) == 200
        assert await status_of(host, "POST", "/admin/functions/tick", headers) == 202
        started = "/runtime/webhooks/durabletask/orchestrators/orchestrator/one"
        assert await status_of(host, "POST", started, headers) == 202
        await host.idle()
    assert ran.names == ["run", "tick", "orchestrator"]


@given(st.text(), st.text(), st.text())
def test_arbitrary_headers_do_not_crash_the_guard(host: str, origin: str, via: str) -> None:
    named = CIMultiDict({"Host": host, "Origin": origin, "X-Forwarded-For": via})
    assert isinstance(set(hosts_of(CIMultiDictProxy(named))) <= LOOPBACK, bool)


def test_one_foreign_host_among_several_is_refused() -> None:
    for name in ("Host", "Origin", "X-Forwarded-For"):
        named = CIMultiDict([("Host", "localhost"), (name, "http://localhost"), (name, EVIL)])
        assert not set(hosts_of(CIMultiDictProxy(named))) <= LOOPBACK


TOKEN = b"s3cret"
MALFORMED = {
    "a control character": b"Authorization: Bearer " + TOKEN + b"\x00\r\n",
    "a blank in a name": b"Autho rization: Bearer " + TOKEN + b"\r\n",
    "no colon": b"Bearer " + TOKEN + b"\r\n",
    "too long": b"Authorization: Bearer " + TOKEN * 9000 + b"\r\n",
    "a length that is none": b"Content-Length: " + TOKEN + b"\r\n",
    "a chunk that is none": b"Transfer-Encoding: chunked\r\n\r\n" + TOKEN + b"\r\n",
}


@pytest.mark.parametrize("header", MALFORMED.values(), ids=MALFORMED)
async def test_failure_22_a_malformed_header_is_not_logged(
    state: Path, header: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with hosted(Ran().app, state) as host:
        port = URL(host.running.url).port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /api/run HTTP/1.1\r\nHost: localhost\r\n" + header + b"\r\n")
        await asyncio.wait_for(reader.read(1), TIMEOUT_SECONDS)
        writer.close()
        await host.log.line("malformed request refused")
    logged = caplog.text + "".join(
        str(record.exc_text) + str(record.args) for record in caplog.records
    )
    assert TOKEN.decode() not in logged


async def test_an_internal_error_is_logged_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    try:
        raise ZeroDivisionError("a bug")
    except ZeroDivisionError:
        quiet_logger().exception("Error handling request")
    assert "ZeroDivisionError: a bug" in caplog.text


@pytest.mark.parametrize("body", [b"\xff", b"{no"])
async def test_an_invalid_json_body_is_a_bad_request_with_any_charset(
    state: Path, body: bytes
) -> None:
    headers = {"Content-Type": "application/json; charset=no-such"}
    async with hosted(Ran().app, state) as host:
        for path in (
            "/admin/functions/tick",
            "/runtime/webhooks/durabletask/orchestrators/orchestrator",
        ):
            async with host.http.post(path, data=body, headers=headers) as answer:
                assert answer.status == 400


async def test_a_compressed_body_is_not_decompressed(state: Path) -> None:
    """The host on Azure does not decompress bodies, either."""

    def length(req: func.HttpRequest) -> str:
        return str(len(req.get_body()))

    app = app_of()
    app.function_name("length")(app.route(route="length")(length))
    packed = gzip.compress(b"x" * 1000)
    async with (
        hosted(app, state) as host,
        host.http.post("/api/length", data=packed, headers={"Content-Encoding": "gzip"}) as answer,
    ):
        assert await answer.text() == str(len(packed))
