"""The sidecar client against network errors, proxies and older sidecars."""

import json
import socket
import time
from datetime import timedelta
from typing import Any

import pytest

from shared.clients.sidecar import SidecarClient
from shared.contracts.exec import (
    Command,
    Finished,
    Health,
    HttpRejection,
    OperationRunning,
    Unreachable,
)
from shared.util.durations import MAX_RETRY_AFTER
from tests.support.misbehaving_server import (
    Manner,
    drips,
    floods,
    is_silent,
    misbehaving_server,
    resets,
    resets_unread,
    responds,
)

TOKEN = "token-" + "s" * 32
SAY = Command(("elastic-blast", "say"), "the secret input", timedelta(seconds=1))
GRACE = timedelta(seconds=0.5)
DONE = {"exit_code": 0, "stdout": "hi", "stderr": "", "duration_ms": 7, "timed_out": False}
FINISHED = Finished(0, "hi", "", False, timedelta(milliseconds=7))
OLD_HEALTH = {"status": "ok", "max_concurrency": 4}
BEGUN = {"id": "a", "state": "running", "started_at": "2026-01-01T00:00:00+00:00"}
RUNNING = OperationRunning("2026-01-01T00:00:00+00:00")
NOT_FOUND = responds("404 Not Found", b'{"error": "not found"}')


def _ok(body: object, status: str = "200 OK") -> Manner:
    return responds(status, json.dumps(body).encode())


def _client(url: str) -> SidecarClient:
    return SidecarClient(url, lambda: TOKEN, grace=GRACE)


def foreign(status: int, message: str, after: timedelta | None = None) -> HttpRejection:
    """A rejection by something in front of the sidecar."""
    return HttpRejection(status, message, after, foreign=True)


async def test_a_refused_connection_means_not_sent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        client = _client(f"http://127.0.0.1:{taken.getsockname()[1]}")
        results = [
            await client.exec(SAY),
            await client.health(),
            await client.get_operation("a", GRACE, "i"),
            await client.stop_operation("a", "i"),
        ]
        results += [await client.run_operation("a", SAY, GRACE, "i"), await client.check_token()]
    for result in results:
        assert isinstance(result, Unreachable) and not result.request_sent


async def test_a_failed_tls_handshake_means_not_sent() -> None:
    with misbehaving_server(responds("200 OK", b"{}"), reads=False) as server:
        result = await _client(f"https://127.0.0.1:{server.port}").exec(SAY)
    assert isinstance(result, Unreachable) and not result.request_sent


@pytest.mark.parametrize(
    "manner",
    [
        resets,
        lambda connection, over: None,
        responds("200 OK", b'{"exit_code": 0, "stdout": "acc', length=500),
        responds("200 OK", b'{"exit_code": 0, "stdout": "acc'),
        responds("200 OK", b"<html>Gateway</html>"),
        responds("200 OK", b""),
        responds("200 OK", b"null"),
        responds("200 OK", b"[]"),
        responds("200 OK", b"\xff\xfe"),
        responds("200 OK", b"[" * 200_000),
        responds("200 OK", b'{"state": "done"}'),
        responds("200 OK", b'{"state": "melted", "result": null}'),
        lambda connection, over: connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Enc"),
        lambda connection, over: connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n"),
        drips(b"", b"H"),
        lambda connection, over: connection.sendall(
            b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"exi'
        ),
    ],
)
async def test_an_invalid_response_means_an_unknown_outcome(manner: Manner) -> None:
    with misbehaving_server(manner) as server:
        result = await _client(server.url).exec(SAY)
    assert isinstance(result, Unreachable) and result.request_sent


async def test_a_reset_before_the_request_is_read_means_an_unknown_outcome() -> None:
    with misbehaving_server(resets_unread, reads=False) as server:
        result = await _client(server.url).exec(SAY)
    assert isinstance(result, Unreachable) and result.request_sent


@pytest.mark.parametrize(
    "manner",
    [
        is_silent,
        drips(b"HTTP/1.1 200 ", b"O"),
        drips(b"HTTP/1.1 200 OK\r\n", b"X-More: drops\r\n"),
        drips(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b" "),
        drips(b"HTTP/1.1 200 OK\r\n\r\n", b" "),
        drips(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["silence", "a line", "headers", "a body", "an endless body", "chunks", "100 Continue"],
)
async def test_a_response_without_end_times_out(manner: Manner) -> None:
    """I8: the total timeout holds for a peer that sends nothing, or a byte at a time."""
    with misbehaving_server(manner) as server:
        started = time.monotonic()
        result = await _client(server.url).get_operation("a", timedelta(0), "i")
        elapsed = time.monotonic() - started
    assert result == Unreachable("the sidecar did not answer: no whole response within 0.5 s", True)
    assert elapsed < 2


async def test_a_response_over_the_size_limit_is_not_read_further() -> None:
    with misbehaving_server(floods(b"HTTP/1.1 200 OK\r\n\r\n")) as server:
        result = await SidecarClient(server.url, lambda: TOKEN).exec(SAY)
    assert isinstance(result, Unreachable) and result.request_sent
    assert "20 MiB" in result.message


async def test_a_request_that_the_server_does_not_read_times_out() -> None:
    """I8: the total timeout covers sending, too."""
    large = Command(SAY.argv, "x" * 30_000_000, timedelta(0))
    with misbehaving_server(is_silent, reads=False) as server:
        started = time.monotonic()
        result = await _client(server.url).exec(large)
        elapsed = time.monotonic() - started
    assert isinstance(result, Unreachable) and result.request_sent
    assert elapsed < 2


@pytest.mark.parametrize(
    ("status", "body", "headers", "expected"),
    [
        (
            "413 Large",
            b'{"error": "body too large"}',
            (),
            HttpRejection(413, "body too large", None),
        ),
        ("502 Bad Gateway", b"<html>no</html>", (), foreign(502, "<html>no</html>")),
        ("503 Busy", b"", ("retry-after: 7",), foreign(503, "", timedelta(seconds=7))),
        ("429 Slow", b'{"retry_after_seconds": 9}', (), foreign(429, "", timedelta(seconds=9))),
        ("302 Found", b"", ("Location: /exec",), foreign(302, "")),
        ("500 Fault", b"[1]", (), foreign(500, "[1]")),
        ("404 Not Found", b'{"error": "not found"}', (), HttpRejection(404, "not found", None)),
        ("404 Not Found", b'{"statusCode": 404}', (), foreign(404, "")),
    ],
)
async def test_an_error_response_is_a_rejection(
    status: str, body: bytes, headers: tuple[str, ...], expected: HttpRejection
) -> None:
    with misbehaving_server(responds(status, body, *headers)) as server:
        assert await _client(server.url).exec(SAY) == expected
        assert len(server.requests) == 1


@pytest.mark.parametrize("seconds", ["0", "-1", '"9"', "true", "null", "NaN", "1e999", "[]"])
async def test_an_invalid_retry_after_in_the_body_is_ignored(seconds: str) -> None:
    body = f'{{"error": "slow", "retry_after_seconds": {seconds}}}'.encode()
    with misbehaving_server(responds("429 Slow", body)) as server:
        assert await _client(server.url).exec(SAY) == HttpRejection(429, "slow", None)


@pytest.mark.parametrize(
    ("header", "body", "wait"),
    [("86400", {}, 15), ("60", {"retry_after_seconds": 1800}, 15), ("600", {}, 10)],
)
async def test_a_retry_after_is_obeyed_up_to_its_limit(
    header: str, body: dict[str, int], wait: int
) -> None:
    text = json.dumps({"error": "busy", **body}).encode()
    with misbehaving_server(responds("503 Busy", text, f"Retry-After: {header}")) as server:
        result = await _client(server.url).exec(SAY)
    assert isinstance(result, HttpRejection)
    assert result.retry_after == timedelta(minutes=wait)


@pytest.mark.parametrize("hint", ["10000000000000000000000", "-3", "soon", "Wed, 21 Oct 2026"])
async def test_an_invalid_retry_after_header_is_ignored(hint: str) -> None:
    with misbehaving_server(responds("503 Busy", b"{}", f"Retry-After: {hint}")) as server:
        result = await _client(server.url).exec(SAY)
    assert isinstance(result, HttpRejection)
    assert result.retry_after in (None, MAX_RETRY_AFTER)


@pytest.mark.parametrize(
    ("field", "value"),
    [("exit_code", None), ("exit_code", "0"), ("exit_code", True), ("exit_code", 0.0)],
)
async def test_an_invalid_exit_code_is_none(field: str, value: Any) -> None:
    with misbehaving_server(_ok({**DONE, field: value})) as server:
        result = await _client(server.url).exec(SAY)
    assert isinstance(result, Finished) and result.exit_code is None


@pytest.mark.parametrize("duration", [10**30, -5, "7", None, 1e300])
async def test_an_invalid_duration_is_ignored(duration: object) -> None:
    with misbehaving_server(_ok({**DONE, "duration_ms": duration})) as server:
        result = await _client(server.url).exec(SAY)
    assert isinstance(result, Finished) and result.exit_code == 0


async def test_a_command_is_sent_in_the_form_of_the_contract() -> None:
    with misbehaving_server(_ok(DONE)) as server:
        assert await _client(server.url).exec(SAY) == FINISHED
        assert server.lines == ["POST /exec"]
        sent = json.loads(server.requests[0].partition(b"\r\n\r\n")[2])
    assert sent == {"argv": ["elastic-blast", "say"], "stdin": SAY.stdin, "timeout_seconds": 1}


async def test_a_sidecar_without_operations_is_recognised() -> None:
    with misbehaving_server(_ok(OLD_HEALTH)) as server:
        assert await _client(server.url).health() == Health(4, operations=False)


@pytest.mark.parametrize(
    "manner",
    [
        responds("503 Starting", b"starting"),
        responds("404 Not Found", b"<html></html>"),
        responds("301 Moved", b"", "Location: /"),
        responds("200 OK", b"<html>Welcome</html>"),
        responds("200 OK", b'{"hello": "world"}'),
        resets,
    ],
)
async def test_a_probe_never_has_an_unknown_outcome(manner: Manner) -> None:
    with misbehaving_server(manner) as server:
        client = _client(server.url)
        for result in (await client.health(), await client.check_token()):
            assert isinstance(result, Unreachable) and not result.request_sent


async def test_every_attempt_sends_the_same_body() -> None:
    with misbehaving_server(_ok(BEGUN, "202 Accepted")) as server:
        for _ in range(2):
            await _client(server.url).run_operation("a", SAY, timedelta(0), "a")
        bodies = {
            request.partition(b"\r\n\r\n")[2]
            for request in server.requests
            if request.startswith(b"PUT")
        }
    assert len(bodies) == 1


async def test_the_wait_is_limited_to_the_sidecars_maximum() -> None:
    with misbehaving_server(_ok({**BEGUN, "state": "interrupted"})) as server:
        client = _client(server.url)
        await client.get_operation("a", timedelta(hours=1), "i")
        await client.get_operation("a", timedelta(seconds=2.5), "i")
        assert [line.partition("wait=")[2] for line in server.lines] == ["25", "2.5"]
