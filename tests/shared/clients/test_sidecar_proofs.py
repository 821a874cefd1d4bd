"""What a response of a sidecar or of another server proves (failures 46 to 48)."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from shared.clients.sidecar import SidecarClient
from shared.contracts.exec import (
    Command,
    Finished,
    Health,
    HttpRejection,
    Interrupted,
    OperationRunning,
    Unreachable,
    Untracked,
)
from tests.support.misbehaving_server import Manner, misbehaving_server, resets, responds

TOKEN = "token-" + "s" * 32
SAY = Command(("elastic-blast", "say"), None, timedelta(seconds=1))
GRACE = timedelta(seconds=0.5)
RESULT = {"exit_code": 0, "stdout": "hi"}
DONE = responds("200 OK", json.dumps(RESULT).encode())
BEGUN = {"id": "a", "state": "running", "started_at": "2026-01-01T00:00:00+00:00"}
ITS = "X-Exec-Instance: a"
ACCEPTED = responds("202 Accepted", json.dumps(BEGUN).encode(), ITS)
RUNNING = OperationRunning("2026-01-01T00:00:00+00:00")
NOT_FOUND = responds("404 Not Found", b'{"error": "not found"}')


def _client(url: str) -> SidecarClient:
    return SidecarClient(url, lambda: TOKEN, grace=GRACE)


PROVES_NOTHING = {
    "the dashboard's exec server": (NOT_FOUND, None),
    "another instance": (
        responds("404 Not Found", b'{"error": "x"}', "X-Exec-Instance: b"),
        "a",
    ),
    "an ingress": (responds("404 Not Found", b"<html>no such host</html>"), "a"),
    "no instance is known": (
        responds("404 Not Found", b'{"error": "x"}', "X-Exec-Instance: b"),
        None,
    ),
    "an empty one": (responds("404 Not Found", b"{}", "X-Exec-Instance: "), ""),
    "another operation": (
        responds("404 Not Found", b'{"error": "operation not found", "id": "b"}', ITS),
        "a",
    ),
    "two instances at once": (
        responds("404 Not Found", b'{"error": "x"}', "X-Exec-Instance: b", "X-Exec-Instance: a"),
        "a",
    ),
    "405": (responds("405 Method Not Allowed", b"<html></html>", "X-Exec-Instance: a"), "a"),
    "501": (responds("501 Unsupported method ('PUT')", b"<!DOCTYPE HTML>"), "a"),
}


@pytest.mark.parametrize("case", PROVES_NOTHING)
async def test_failure_46_a_response_of_another_server_proves_nothing(
    case: str,
) -> None:
    manner, instance = PROVES_NOTHING[case]
    with misbehaving_server(manner) as server:
        client = _client(server.url)
        assert isinstance(await client.get_operation("a", GRACE, instance), Untracked)
        assert isinstance(await client.stop_operation("a", instance), Untracked)
        assert isinstance(await client.run_operation("a", SAY, GRACE, instance or "a"), Untracked)


async def test_failure_46_a_command_given_by_exec_is_not_asked_for() -> None:
    """No server has an operation of it: whatever it answered would be about something else."""
    with misbehaving_server(_state("done")) as server:
        client = _client(server.url)
        assert isinstance(await client.get_operation("a", GRACE, None), Untracked)
        assert isinstance(await client.stop_operation("a", None), Untracked)
        assert server.requests == []


def _state(state: str, *headers: str, operation: str | None = "a") -> Manner:
    body = {"id": operation, "state": state, "result": RESULT if state == "done" else None}
    return responds("200 OK", json.dumps(body).encode(), *headers)


SOMEBODY_ELSES = {
    "no instance": ((), "a"),
    "an empty instance": (("X-Exec-Instance: ",), "a"),
    "another instance": (("X-Exec-Instance: b",), "a"),
    "two instances": ((ITS, "X-Exec-Instance: b"), "a"),
    "another operation": ((ITS,), "b"),
    "no operation": ((ITS,), None),
}


@pytest.mark.parametrize("state", ["done", "interrupted", "running"])
@pytest.mark.parametrize("case", SOMEBODY_ELSES)
async def test_failure_46_a_state_proves_nothing_unless_its_instance_names_the_operation(
    case: str, state: str
) -> None:
    headers, operation = SOMEBODY_ELSES[case]
    with misbehaving_server(_state(state, *headers, operation=operation)) as server:
        client = _client(server.url)
        assert isinstance(await client.get_operation("a", GRACE, "a"), Untracked)
        assert isinstance(await client.stop_operation("a", "a"), Untracked)
        started = await client.run_operation("a", SAY, GRACE, "a")
    assert isinstance(started, Unreachable) and started.request_sent, "it may have been started"


@pytest.mark.parametrize("case", SOMEBODY_ELSES)
async def test_failure_46_a_started_operation_is_running_whatever_another_sender_states(
    case: str,
) -> None:
    headers, operation = SOMEBODY_ELSES[case]
    with misbehaving_server(ACCEPTED, _state("done", *headers, operation=operation)) as server:
        assert await _client(server.url).run_operation("a", SAY, GRACE, "a") == RUNNING


async def test_failure_46_a_result_without_a_state_is_not_an_operations() -> None:
    body = json.dumps({"id": "a", **RESULT}).encode()
    with misbehaving_server(responds("200 OK", body, ITS)) as server:
        assert isinstance(await _client(server.url).get_operation("a", GRACE, "a"), Unreachable)


@pytest.mark.parametrize("state", ["done", "interrupted"])
async def test_failure_46_the_state_of_the_operation_by_its_instance_is_proof(state: str) -> None:
    with misbehaving_server(_state(state, ITS)) as server:
        result = await _client(server.url).get_operation("a", GRACE, "a")
    assert isinstance(result, Finished if state == "done" else Interrupted)


@pytest.mark.parametrize("status", ["400 Bad", "403 Forbidden", "409 Conflict", "413 Large"])
async def test_failure_46_a_rejection_is_the_sidecars_only_with_its_instance(status: str) -> None:
    """Gateways send `error`, too; a search must not end for what they say."""
    body = b'{"error": "not in allowlist"}'
    for headers, is_foreign in (((), True), (("X-Exec-Instance: b",), True), ((ITS,), False)):
        with misbehaving_server(responds(status, body, *headers)) as server:
            result = await _client(server.url).stop_operation("a", "a")
        assert isinstance(result, HttpRejection) and result.foreign is is_foreign


ERRORS_BETWEEN = {
    "a waiting sidecar": ("503 Service Unavailable", b'{"error": "another one holds the folder"}'),
    "a gateway": ("502 Bad Gateway", b"<html></html>"),
    "a gateway with JSON": ("400 Bad Request", b'{"error": "not in allowlist"}'),
}


@pytest.mark.parametrize("case", ERRORS_BETWEEN)
async def test_failure_47_a_look_that_another_server_refuses_leaves_nothing_unknown(
    case: str,
) -> None:
    """No try is counted for it, while the sidecar that has the operation is healthy, too."""
    status, body = ERRORS_BETWEEN[case]
    with misbehaving_server(responds(status, body)) as server:
        client = _client(server.url)
        assert isinstance(await client.get_operation("a", GRACE, "a"), Untracked)
        assert isinstance(await client.run_operation("a", SAY, GRACE, "a"), HttpRejection)


async def test_a_look_that_the_instance_itself_refuses_is_a_rejection() -> None:
    busy = responds("503 Busy", b'{"error": "exec server is ending"}', ITS)
    with misbehaving_server(busy) as server:
        result = await _client(server.url).get_operation("a", GRACE, "a")
    assert result == HttpRejection(503, "exec server is ending", None)


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden", "429 Slow"])
async def test_failure_48_a_demand_of_another_server_is_heeded(status: str) -> None:
    with misbehaving_server(responds(status, b"", "Retry-After: 7")) as server:
        result = await _client(server.url).get_operation("a", GRACE, "a")
    assert isinstance(result, HttpRejection) and result.retry_after == timedelta(seconds=7)


async def test_failure_47_a_sidecar_without_the_instance_header_is_used_without_operations() -> (
    None
):
    """Its header got lost on the way: no response about an operation could be trusted."""
    health = {"status": "ok", "operations": True}
    with misbehaving_server(responds("200 OK", json.dumps(health).encode())) as server:
        assert await _client(server.url).health() == Health(None, operations=False)


async def test_failure_46_a_404_of_the_health_path_is_not_the_sidecars() -> None:
    """Every exec server has that path: something else has answered."""
    with misbehaving_server(NOT_FOUND) as server:
        health = await _client(server.url).health()
    assert isinstance(health, Unreachable) and not health.request_sent


async def test_failure_46_a_404_of_the_same_instance_is_proof() -> None:
    with misbehaving_server(
        responds("404 Not Found", b'{"error": "x"}', "x-exec-instance: a")
    ) as server:
        client = _client(server.url)
        assert await client.get_operation("a", GRACE, "a") is None
        assert await client.stop_operation("a", "a") is None


async def test_failure_47_an_operation_is_stopped_only_by_its_own_instance() -> None:
    with misbehaving_server(responds("412 Precondition Failed", b'{"error": "another"}')) as server:
        assert isinstance(await _client(server.url).stop_operation("a", "b"), Untracked)
        assert b"X-Exec-Expect-Instance: b\r\n" in server.requests[0]


async def test_failure_47_an_operation_is_started_only_by_the_expected_instance() -> None:
    another = responds("412 Precondition Failed", b'{"error": "another"}', ITS)
    with misbehaving_server(another) as server:
        result = await _client(server.url).run_operation("a", SAY, GRACE, "b")
        assert b"X-Exec-Expect-Instance: b\r\n" in server.requests[0]
    assert result == HttpRejection(412, "another", None)


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
async def test_failure_48_a_token_refused_by_a_proxy_is_a_rejection(status: str) -> None:
    with misbehaving_server(responds(status, b"<html></html>")) as server:
        result = await _client(server.url).check_token()
    assert isinstance(result, HttpRejection) and result.status == int(status[:3])


async def test_failure_48_a_400_to_an_empty_body_proves_the_token() -> None:
    with misbehaving_server(
        responds("400 Bad", b'{"error": "argv must be a non-empty list"}')
    ) as server:
        assert await _client(server.url).check_token() is None
        assert server.lines == ["POST /exec"]
        assert server.requests[0].endswith(b"\r\n\r\n{}")


REFUSES = responds("401 Unauthorized", b'{"error": "missing or invalid X-Exec-Token"}')


async def test_failure_48_a_token_file_is_read_again_after_a_401(tmp_path: Path) -> None:
    file = tmp_path / "token"
    with misbehaving_server(REFUSES, REFUSES, REFUSES, DONE) as server:
        client = SidecarClient(server.url, file.read_text, grace=GRACE)
        assert isinstance(await client.exec(SAY), HttpRejection)  # there is no file yet
        file.write_text(TOKEN + "\n")
        assert isinstance(await client.exec(SAY), HttpRejection)
        file.write_text("rotated-" + TOKEN)
        assert isinstance(await client.exec(SAY), Finished)
    assert b"X-Exec-Token" not in server.requests[0]
    assert f"X-Exec-Token: rotated-{TOKEN}\r\n".encode() in server.requests[-1]


async def test_failure_48_an_unchanged_token_is_not_retried() -> None:
    with misbehaving_server(REFUSES) as server:
        assert isinstance(await _client(server.url).exec(SAY), HttpRejection)
        assert len(server.requests) == 1


async def test_a_started_operation_is_running_if_polling_fails() -> None:
    for manner in (resets, responds("502 Bad Gateway", b""), NOT_FOUND):
        with misbehaving_server(ACCEPTED, manner) as server:
            assert await _client(server.url).run_operation("a", SAY, GRACE, "a") == RUNNING


async def test_a_started_operation_is_running_though_it_is_unknown_later() -> None:
    """A contradiction proves no end: the next look decides, under the same id."""
    lost = responds("404 Not Found", b'{"error": "x"}', ITS)
    with misbehaving_server(ACCEPTED, lost) as server:
        assert await _client(server.url).run_operation("a", SAY, GRACE, "a") == RUNNING


async def test_failure_47_a_sidecar_that_waits_for_its_state_folder_is_unreachable() -> None:
    """It is healthy, but knows neither its instance id nor the other's operations."""
    health = {"status": "ok", "operations": True, "waiting": True}
    with misbehaving_server(responds("200 OK", json.dumps(health).encode())) as server:
        result = await _client(server.url).health()
    assert isinstance(result, Unreachable) and not result.request_sent
    assert "waits until another one" in result.message
