"""Failure 61: no page that a developer visits can start functions of the host."""

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
from tests.local.functions_host.hosted_app import INSTANCES, PATIENCE, Story, World, app_of, hosted

EVIL = "http://evil.example"
PATHS = [
    ("POST", "/admin/functions/tick"),
    ("GET", "/admin/host/status"),
    ("POST", "/runtime/webhooks/durabletask/orchestrators/story/two"),
    ("GET", f"{INSTANCES}/one"),
    ("POST", f"{INSTANCES}/one/terminate"),
    ("POST", f"{INSTANCES}/one/raiseEvent/news"),
    ("DELETE", f"{INSTANCES}/one"),
    ("GET", "/api/run"),
    ("POST", "/api/run"),
    ("GET", "/api/nothing"),
]
FROM_ELSEWHERE = {
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
FROM_HERE = {
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
    """An app that notes what has run."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.app = app_of(self.story())

        def run(req: func.HttpRequest) -> str:
            self.names.append("run")
            return "ran"

        def tick(timer: func.TimerRequest) -> None:
            self.names.append("tick")

        self.app.function_name("run")(self.app.route(route="run")(run))
        timed = self.app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *")
        self.app.function_name("tick")(timed(tick))

    def story(self) -> Any:
        def story(context: Any) -> Story:
            self.names.append("story")
            return (yield context.wait_for_external_event("news"))

        return story


async def asked(world: World, method: str, path: str, headers: dict[str, str]) -> int:
    async with world.http.request(method, path, headers=headers) as answer:
        return answer.status


@pytest.mark.parametrize("headers", FROM_ELSEWHERE.values(), ids=FROM_ELSEWHERE)
async def test_failure_61_nothing_is_done_for_a_page_from_elsewhere(
    state: Path, headers: dict[str, str]
) -> None:
    ran = Ran()
    async with hosted(ran.app, state) as world:
        await world.start("story")
        await world.quiet()
        before = list(ran.names), await world.instance()
        for method, path in PATHS:
            assert await asked(world, method, path, headers) == 403, (method, path)
        await world.quiet()
        assert (ran.names, await world.instance()) == before


@pytest.mark.parametrize("headers", FROM_HERE.values(), ids=FROM_HERE)
async def test_programs_and_pages_of_this_machine_are_answered(
    state: Path, headers: dict[str, str]
) -> None:
    ran = Ran()
    async with hosted(ran.app, state) as world:
        assert await asked(world, "POST", "/api/run", headers) == 200
        assert await asked(world, "POST", "/admin/functions/tick", headers) == 202
        started = "/runtime/webhooks/durabletask/orchestrators/story/one"
        assert await asked(world, "POST", started, headers) == 202
        await world.quiet()
    assert ran.names == ["run", "tick", "story"]


@given(st.text(), st.text(), st.text())
def test_headers_that_make_no_sense_are_from_elsewhere(host: str, origin: str, via: str) -> None:
    named = CIMultiDict({"Host": host, "Origin": origin, "X-Forwarded-For": via})
    assert isinstance(set(hosts_of(CIMultiDictProxy(named))) <= LOOPBACK, bool)


def test_one_name_from_elsewhere_among_several_is_enough() -> None:
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
async def test_failure_22_a_header_that_cannot_be_read_is_not_logged(
    state: Path, header: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with hosted(Ran().app, state) as world:
        port = URL(world.running.url).port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /api/run HTTP/1.1\r\nHost: localhost\r\n" + header + b"\r\n")
        await asyncio.wait_for(reader.read(1), PATIENCE)
        writer.close()
        await world.heard.line("malformed request refused")
    logged = caplog.text + "".join(str(one.exc_text) + str(one.args) for one in caplog.records)
    assert TOKEN.decode() not in logged


async def test_a_fault_of_the_hosts_own_is_logged_whole(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ZeroDivisionError("a bug")
    except ZeroDivisionError:
        quiet_logger().exception("Error handling request")
    assert "ZeroDivisionError: a bug" in caplog.text


@pytest.mark.parametrize("body", [b"\xff", b"{no"])
async def test_a_body_that_is_no_json_is_a_bad_request_whatever_its_charset(
    state: Path, body: bytes
) -> None:
    headers = {"Content-Type": "application/json; charset=no-such"}
    async with hosted(Ran().app, state) as world:
        for path in (
            "/admin/functions/tick",
            "/runtime/webhooks/durabletask/orchestrators/story",
        ):
            async with world.http.post(path, data=body, headers=headers) as answer:
                assert answer.status == 400


async def test_a_body_arrives_as_it_was_sent(state: Path) -> None:
    """The host on Azure unpacks nothing."""

    def length(req: func.HttpRequest) -> str:
        return str(len(req.get_body()))

    app = app_of()
    app.function_name("length")(app.route(route="length")(length))
    packed = gzip.compress(b"x" * 1000)
    async with (
        hosted(app, state) as world,
        world.http.post("/api/length", data=packed, headers={"Content-Encoding": "gzip"}) as answer,
    ):
        assert await answer.text() == str(len(packed))
