"""What a response of a sidecar or of another server proves (failures 46 to 48)."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from shared.clients.sidecar import SidecarClient
from shared.contracts.exec import (
    Command,
    Finished,
    HttpRejection,
    Interrupted,
    OperationRunning,
    Unreachable,
    Untracked,
)
from tests.support.misbehaving_server import misbehaving_server, resets, responds

TOKEN = "token-" + "s" * 32
SAY = Command(("elastic-blast", "say"), None, timedelta(seconds=1))
GRACE = timedelta(seconds=0.5)
DONE = responds("200 OK", json.dumps({"exit_code": 0, "stdout": "hi"}).encode())
BEGUN = {"id": "a", "state": "running", "started_at": "2026-01-01T00:00:00+00:00"}
ACCEPTED = responds("202 Accepted", json.dumps(BEGUN).encode())
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
    "two instances at once": (
        responds("404 Not Found", b'{"error": "x"}', "X-Exec-Instance: b", "X-Exec-Instance: a"),
        "a",
    ),
    "405": (responds("405 Method Not Allowed", b"<html></html>", "X-Exec-Instance: a"), "a"),
    "501": (responds("501 Unsupported method ('PUT')", b"<!DOCTYPE HTML>"), "a"),
}


@pytest.mark.parametrize("case", PROVES_NOTHING)
def test_failure_46_a_response_of_another_server_proves_nothing(
    case: str,
) -> None:
    manner, instance = PROVES_NOTHING[case]
    with misbehaving_server(manner) as server:
        client = _client(server.url)
        assert isinstance(client.get_operation("a", GRACE, instance), Untracked)
        assert isinstance(client.stop_operation("a", instance), Untracked)
        assert isinstance(client.run_operation("a", SAY, GRACE, instance), Untracked)


def test_failure_46_a_404_of_the_health_path_is_not_the_sidecars() -> None:
    """Every exec server has that path: something else has answered."""
    with misbehaving_server(NOT_FOUND) as server:
        health = _client(server.url).health()
    assert isinstance(health, Unreachable) and not health.request_sent


def test_failure_46_a_404_of_the_same_instance_is_proof() -> None:
    with misbehaving_server(
        responds("404 Not Found", b'{"error": "x"}', "x-exec-instance: a")
    ) as server:
        client = _client(server.url)
        assert client.get_operation("a", GRACE, "a") is None
        assert client.stop_operation("a", "a") is None


def test_failure_47_an_operation_is_stopped_only_by_its_own_instance() -> None:
    with misbehaving_server(responds("412 Precondition Failed", b'{"error": "another"}')) as server:
        assert isinstance(_client(server.url).stop_operation("a", "b"), Untracked)
        assert b"X-Exec-Expect-Instance: b\r\n" in server.requests[0]


def test_failure_47_an_operation_is_started_only_by_the_expected_instance() -> None:
    with misbehaving_server(responds("412 Precondition Failed", b'{"error": "another"}')) as server:
        result = _client(server.url).run_operation("a", SAY, GRACE, "b")
        assert b"X-Exec-Expect-Instance: b\r\n" in server.requests[0]
    assert result == HttpRejection(412, "another", None)


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_failure_48_a_token_refused_by_a_proxy_is_a_rejection(status: str) -> None:
    with misbehaving_server(responds(status, b"<html></html>")) as server:
        result = _client(server.url).check_token()
    assert isinstance(result, HttpRejection) and result.status == int(status[:3])


def test_failure_48_a_400_to_an_empty_body_proves_the_token() -> None:
    with misbehaving_server(
        responds("400 Bad", b'{"error": "argv must be a non-empty list"}')
    ) as server:
        assert _client(server.url).check_token() is None
        assert server.lines == ["POST /exec"]
        assert server.requests[0].endswith(b"\r\n\r\n{}")


REFUSES = responds("401 Unauthorized", b'{"error": "missing or invalid X-Exec-Token"}')


def test_failure_48_a_token_file_is_read_again_after_a_401(tmp_path: Path) -> None:
    file = tmp_path / "token"
    with misbehaving_server(REFUSES, REFUSES, REFUSES, DONE) as server:
        client = SidecarClient(server.url, file.read_text, grace=GRACE)
        assert isinstance(client.exec(SAY), HttpRejection)  # there is no file yet
        file.write_text(TOKEN + "\n")
        assert isinstance(client.exec(SAY), HttpRejection)
        file.write_text("rotated-" + TOKEN)
        assert isinstance(client.exec(SAY), Finished)
    assert b"X-Exec-Token" not in server.requests[0]
    assert f"X-Exec-Token: rotated-{TOKEN}\r\n".encode() in server.requests[-1]


def test_failure_48_an_unchanged_token_is_not_retried() -> None:
    with misbehaving_server(REFUSES) as server:
        assert isinstance(_client(server.url).exec(SAY), HttpRejection)
        assert len(server.requests) == 1


def test_a_started_operation_is_running_if_polling_fails() -> None:
    for manner in (resets, responds("502 Bad Gateway", b""), NOT_FOUND):
        with misbehaving_server(ACCEPTED, manner) as server:
            assert _client(server.url).run_operation("a", SAY, GRACE, "a") == RUNNING


def test_a_started_operation_that_is_unknown_later_was_interrupted() -> None:
    lost = responds("404 Not Found", b'{"error": "x"}', "X-Exec-Instance: a")
    with misbehaving_server(ACCEPTED, lost) as server:
        assert _client(server.url).run_operation("a", SAY, GRACE, "a") == Interrupted()


def test_failure_47_a_sidecar_that_waits_for_its_state_folder_is_unreachable() -> None:
    """It is healthy, but knows neither its instance id nor the other's operations."""
    health = {"status": "ok", "operations": True, "waiting": True}
    with misbehaving_server(responds("200 OK", json.dumps(health).encode())) as server:
        result = _client(server.url).health()
    assert isinstance(result, Unreachable) and not result.request_sent
    assert "waits until another one" in result.message
