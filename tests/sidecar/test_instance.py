"""Failures 46 and 47: instance ids of the state folder on every response."""

import json
import shutil
import stat
from collections.abc import Callable
from http.client import HTTPResponse
from pathlib import Path

import pytest

from tests.sidecar.sidecar_fixture import TOKEN, CommandPipe, Sidecar, command

OTHER = "f" * 32
TOO_LARGE = b" " * (2 * 1024 * 1024 + 1)


@pytest.mark.parametrize(
    ("status", "method", "path", "body", "token"),
    [
        (200, "GET", "/healthz", None, None),
        (200, "POST", "/exec", command("say", "hi"), TOKEN),
        (202, "PUT", "/operations/started", command("say", "hi"), TOKEN),
        (400, "POST", "/exec", b"{", TOKEN),
        (401, "POST", "/exec", {}, "wrong"),
        (403, "POST", "/exec", {"argv": ["bash"]}, TOKEN),
        (404, "GET", "/no/such/path", None, None),
        (404, "GET", "/operations/never-seen", None, TOKEN),
        (404, "PATCH", "/exec", None, TOKEN),
        (413, "POST", "/exec", TOO_LARGE, TOKEN),
        (500, "POST", "/exec", {"argv": ["azcopy"]}, TOKEN),
    ],
)
def test_failure_46_every_response_has_the_instance(
    sidecar: Sidecar, status: int, method: str, path: str, body: object, token: str | None
) -> None:
    response = sidecar.request(method, path, body, token)
    assert response.status == status
    assert response.headers["X-Exec-Instance"] == sidecar.instance
    assert response.headers["Cache-Control"] == "no-store", "a stored 404 would be a false proof"


@pytest.mark.acceptance
def test_failure_46_429_and_408_have_the_instance(own_sidecar: Callable[..., Sidecar]) -> None:
    sidecar = own_sidecar(EXEC_RATE_PER_MINUTE="1", EXEC_BODY_SECONDS="1")
    sidecar.run("say", "hi")
    response = sidecar.request("POST", "/exec", command("say", "hi"))
    assert (response.status, response.headers["X-Exec-Instance"]) == (429, sidecar.instance)
    head = f"POST /exec HTTP/1.1\r\nHost: a\r\nX-Exec-Token: {TOKEN}\r\nContent-Length: 9\r\n\r\n"
    status, headers, _ = _raw(sidecar, head.encode())
    assert (status, headers["x-exec-instance"]) == (408, sidecar.instance)


def test_failure_46_503_has_the_instance(
    own_sidecar: Callable[..., Sidecar], pipe: CommandPipe
) -> None:
    sidecar = own_sidecar(EXEC_MAX_CONCURRENCY="1")
    sidecar.request("PUT", "/operations/only", command("hold", pipe.path))
    response = sidecar.request("POST", "/exec", command("say", "hi"))
    assert (response.status, response.headers["X-Exec-Instance"]) == (503, sidecar.instance)


def test_failure_46_a_stream_has_the_instance(sidecar: Sidecar) -> None:
    connection = sidecar.connect()
    body = json.dumps(command("say", "hi"))
    connection.request("POST", "/exec/stream", body, {"X-Exec-Token": TOKEN})
    response = connection.getresponse()
    assert (response.status, response.headers["X-Exec-Instance"]) == (200, sidecar.instance)
    response.read()


@pytest.mark.parametrize(
    "sent",
    [
        b"no HTTP at all\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nX-Exec-Token: a\x01b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nA: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"POST /exec HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        f"POST /exec HTTP/1.1\r\nX-Exec-Token: {TOKEN}\r\n".encode()
        + b"Transfer-Encoding: chunked\r\n\r\nnot-a-length\r\n",
        b"BREW /operations/a HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
    ids=["text", "tls", "header", "long header", "long path", "length", "chunk", "method"],
)
def test_failure_46_a_response_to_malformed_http_has_the_instance(
    sidecar: Sidecar, sent: bytes
) -> None:
    status, headers, body = _raw(sidecar, sent)
    assert (status, headers["x-exec-instance"]) == (400, sidecar.instance)
    assert json.loads(body)["error"]


def test_failure_46_417_has_the_instance(sidecar: Sidecar) -> None:
    head = b"POST /exec HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 0\r\n"
    status, headers, _ = _raw(sidecar, head + b"Connection: close\r\n\r\n")
    assert (status, headers["x-exec-instance"]) == (417, sidecar.instance)


@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
def test_failure_47_an_operation_of_another_instance_is_a_412_and_changes_nothing(
    sidecar: Sidecar, tmp_path: Path, method: str
) -> None:
    notes, name = tmp_path / "notes", f"/operations/expected-{method.lower()}"
    body = command("note", str(notes))
    other = {"X-Exec-Expect-Instance": OTHER}
    response = sidecar.request(method, name, body, extra=other)
    assert response.status == 412
    assert response.body == {
        "error": f"this is instance {sidecar.instance}, not the expected one",
    }
    assert response.headers["X-Exec-Instance"] == sidecar.instance
    assert sidecar.request("GET", name).status == 404
    own = {"X-Exec-Expect-Instance": sidecar.instance}
    assert sidecar.request("PUT", name, body, extra=own).status == 202
    sidecar.request("GET", f"{name}?wait=20")
    assert notes.read_text() == "started\n"


def test_the_token_is_checked_before_the_instance(sidecar: Sidecar) -> None:
    other = {"X-Exec-Expect-Instance": OTHER}
    assert sidecar.request("PUT", "/operations/a", {}, "wrong", other).status == 401
    assert sidecar.request("PUT", "/operations/a", {}, TOKEN, other).status == 412


@pytest.mark.acceptance
def test_the_instance_is_stored_in_the_state_folder(own_sidecar: Callable[..., Sidecar]) -> None:
    sidecar = own_sidecar()
    first = sidecar.instance
    kept = sidecar.state / "operations" / "instance"
    assert kept.read_text() == first
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    sidecar.child.kill()
    sidecar.restart()
    assert sidecar.instance == first
    assert own_sidecar().instance != first


@pytest.mark.parametrize("lost", [".", "operations", "operations/instance"])
def test_failure_47_a_lost_state_folder_is_another_instance(
    own_sidecar: Callable[..., Sidecar], lost: str
) -> None:
    sidecar = own_sidecar()
    first = sidecar.instance
    sidecar.child.stop()
    path = sidecar.state / lost
    path.unlink() if path.is_file() else shutil.rmtree(path)
    sidecar.restart()
    assert sidecar.instance not in ("", first)


@pytest.mark.acceptance
def test_a_damaged_instance_file_gives_a_new_instance(own_sidecar: Callable[..., Sidecar]) -> None:
    sidecar = own_sidecar()
    first = sidecar.instance
    for cut in ("", first[:31], "ü" * 32):
        sidecar.child.stop()
        (sidecar.state / "operations" / "instance").write_text(cut)
        sidecar.restart()
        assert sidecar.instance not in ("", first, cut)


@pytest.mark.parametrize("lost", [".", "operations", "operations/instance", "replaced"])
def test_failure_47_state_lost_while_running_is_a_500(
    own_sidecar: Callable[..., Sidecar], pipe: CommandPipe, tmp_path: Path, lost: str
) -> None:
    """The sidecar neither answers "not found" nor starts a new operation."""
    sidecar, notes = own_sidecar(), tmp_path / "notes"
    sidecar.request("PUT", "/operations/runs", command("hold", pipe.path))
    pipe.wait_started()
    if lost == "replaced":
        shutil.rmtree(sidecar.state / "operations")
        (sidecar.state / "operations").mkdir()
    else:
        path = sidecar.state / lost
        path.unlink() if path.is_file() else shutil.rmtree(path)
    for method, name in (("GET", "other"), ("DELETE", "other"), ("PUT", "other")):
        response = sidecar.request(method, f"/operations/{name}", command("note", str(notes)))
        assert response.status == 500
        assert response.body["detail"].startswith("state lost: ")
    assert sidecar.request("GET", "/operations/runs").status in (200, 500)
    assert sidecar.request("DELETE", "/operations/runs").status in (200, 500)
    assert pipe.wait_closed() == ""
    assert not notes.exists()


def test_a_record_removed_while_its_command_runs_is_a_500(
    own_sidecar: Callable[..., Sidecar], pipe: CommandPipe
) -> None:
    sidecar = own_sidecar()
    sidecar.request("PUT", "/operations/runs", command("hold", pipe.path))
    pipe.wait_started()
    (sidecar.state / "operations" / "runs.record").unlink()
    assert sidecar.request("GET", "/operations/runs").status == 500


def _raw(sidecar: Sidecar, sent: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, lower-case headers and body of the response to raw bytes."""
    with sidecar.raw() as connection:
        connection.sendall(sent)
        # Not to the end of the connection, which the server keeps open for 10 s.
        response = HTTPResponse(connection)
        response.begin()
        body = response.read()
    return response.status, {name.lower(): text for name, text in response.getheaders()}, body
