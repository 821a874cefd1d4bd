"""What an answer of a sidecar, or of something in its place, proves (failures 46 to 48)."""

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
def test_failure_46_an_answer_proves_nothing_of_an_operation_that_somebody_else_was_given(
    case: str,
) -> None:
    manner, instance = PROVES_NOTHING[case]
    with misbehaving_server(manner) as server:
        client = _client(server.url)
        assert isinstance(client.get_operation("a", GRACE, instance), Untracked)
        assert isinstance(client.stop_operation("a", instance), Untracked)
        assert isinstance(client.run_operation("a", SAY, GRACE, instance), Untracked)


def test_failure_46_a_health_that_is_not_found_is_not_the_sidecars() -> None:
    """It has that path, so that the search is not refused: somebody else has answered."""
    with misbehaving_server(NOT_FOUND) as server:
        found = _client(server.url).health()
    assert isinstance(found, Unreachable) and not found.request_sent


def test_failure_46_the_404_of_the_instance_itself_is_a_proof() -> None:
    with misbehaving_server(
        responds("404 Not Found", b'{"error": "x"}', "x-exec-instance: a")
    ) as server:
        client = _client(server.url)
        assert client.get_operation("a", GRACE, "a") is None
        assert client.stop_operation("a", "a") is None


def test_failure_47_an_operation_is_stopped_by_its_own_instance_only() -> None:
    with misbehaving_server(responds("412 Precondition Failed", b'{"error": "another"}')) as server:
        assert isinstance(_client(server.url).stop_operation("a", "b"), Untracked)
        assert b"X-Exec-Expect-Instance: b\r\n" in server.heard[0]


def test_failure_47_an_operation_is_for_one_instance_only() -> None:
    with misbehaving_server(responds("412 Precondition Failed", b'{"error": "another"}')) as server:
        result = _client(server.url).run_operation("a", SAY, GRACE, "b")
        assert b"X-Exec-Expect-Instance: b\r\n" in server.heard[0]
    assert result == HttpRejection(412, "another", None)


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_failure_48_a_token_that_something_in_front_refuses_is_refused(status: str) -> None:
    with misbehaving_server(responds(status, b"<html></html>")) as server:
        result = _client(server.url).check_token()
    assert isinstance(result, HttpRejection) and result.status == int(status[:3])


def test_failure_48_the_token_is_right_where_only_the_body_is_wrong() -> None:
    with misbehaving_server(
        responds("400 Bad", b'{"error": "argv must be a non-empty list"}')
    ) as server:
        assert _client(server.url).check_token() is None
        assert server.lines == ["POST /exec"]
        assert server.heard[0].endswith(b"\r\n\r\n{}")


REFUSES = responds("401 Unauthorized", b'{"error": "missing or invalid X-Exec-Token"}')


def test_failure_48_a_token_in_a_file_is_read_again_when_refused(tmp_path: Path) -> None:
    file = tmp_path / "token"
    with misbehaving_server(REFUSES, REFUSES, REFUSES, DONE) as server:
        client = SidecarClient(server.url, file.read_text, grace=GRACE)
        assert isinstance(client.exec(SAY), HttpRejection)  # there is no file yet
        file.write_text(TOKEN + "\n")
        assert isinstance(client.exec(SAY), HttpRejection)
        file.write_text("rotated-" + TOKEN)
        assert isinstance(client.exec(SAY), Finished)
    assert b"X-Exec-Token" not in server.heard[0]
    assert f"X-Exec-Token: rotated-{TOKEN}\r\n".encode() in server.heard[-1]


def test_failure_48_a_token_that_has_not_changed_is_not_tried_twice() -> None:
    with misbehaving_server(REFUSES) as server:
        assert isinstance(_client(server.url).exec(SAY), HttpRejection)
        assert len(server.heard) == 1


def test_what_began_is_running_when_it_cannot_be_waited_for() -> None:
    for manner in (resets, responds("502 Bad Gateway", b""), NOT_FOUND):
        with misbehaving_server(ACCEPTED, manner) as server:
            assert _client(server.url).run_operation("a", SAY, GRACE, "a") == RUNNING


def test_what_began_and_is_no_longer_known_was_interrupted() -> None:
    lost = responds("404 Not Found", b'{"error": "x"}', "X-Exec-Instance: a")
    with misbehaving_server(ACCEPTED, lost) as server:
        assert _client(server.url).run_operation("a", SAY, GRACE, "a") == Interrupted()


def test_failure_47_a_sidecar_that_waits_for_another_one_is_given_nothing() -> None:
    """It is alive, and knows neither its instance nor what the other one runs."""
    health = {"status": "ok", "operations": True, "waiting": True}
    with misbehaving_server(responds("200 OK", json.dumps(health).encode())) as server:
        result = _client(server.url).health()
    assert isinstance(result, Unreachable) and not result.request_sent
    assert "waits until another one" in result.message
