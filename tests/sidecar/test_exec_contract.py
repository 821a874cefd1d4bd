"""The contract of the dashboard's exec server, row by row."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.sidecar.sidecar_fixture import NEXT_TOKEN, TOKEN, CommandPipe, Sidecar, command

LARGE = b" " * (2 * 1024 * 1024 + 1)
ALLOWED = "['az', 'azcopy', 'elastic-blast', 'elb', 'kubectl']"


def test_health_needs_no_token(sidecar: Sidecar) -> None:
    response = sidecar.request("GET", "/healthz", token=None)
    assert response.status == 200
    assert response.body == {
        "status": "ok",
        "waiting": False,
        "max_concurrency": 16,
        "operations": True,
        "pod_script": "unknown",
        "az_login": "off",
    }


def test_a_successful_command_is_a_200(sidecar: Sidecar) -> None:
    response = sidecar.request("POST", "/exec", command("cat", stdin="grüße", timeout_seconds=5))
    assert response.status == 200
    assert response.headers["Connection"] == "close"
    assert response.body.pop("duration_ms") >= 0
    assert response.body == {
        "exit_code": 0,
        "stdout": "grüße",
        "stderr": "",
        "timed_out": False,
        "stdout_truncated": False,
        "stderr_truncated": False,
    }


def test_a_failed_command_is_a_200(sidecar: Sidecar) -> None:
    body = sidecar.run("complain", "no such database", "2")
    assert (body["exit_code"], body["stderr"]) == (2, "no such database\n")


def test_a_timeout_is_a_200_with_exit_code_124(sidecar: Sidecar, pipe: CommandPipe) -> None:
    body = sidecar.run("finish", pipe.path, "/dev/null", timeout_seconds=-5)
    assert (body["exit_code"], body["timed_out"]) == (124, True)
    assert body["duration_ms"] >= 1000


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{", "invalid JSON: "),
        (b"\xff", "invalid JSON: "),
        (b"[" * 100_000, "invalid JSON: "),
        (b"[]", "invalid JSON: the body must be an object"),
        (None, "invalid JSON: "),
        ({}, "argv must be a non-empty list"),
        ({"argv": []}, "argv must be a non-empty list"),
        ({"argv": "elastic-blast"}, "argv must be a non-empty list"),
        ({"argv": ["elastic-blast", 1]}, "argv must hold strings only"),
        ({"argv": ["elastic-blast", "a\0b"]}, "argv must hold strings only"),
        (b'{"argv": ["elastic-blast", "\\ud800"]}', "argv must hold strings only"),
        (command("cat", stdin=5), "stdin must be a string or omitted"),
        (b'{"argv": ["elastic-blast"], "stdin": "\\udfff"}', "stdin must be a string or omitted"),
        (command("cat", stdin_file="/etc/passwd"), "stdin_file is not supported"),
        (command("cat", cwd="relative"), "cwd must be an absolute path or omitted"),
        (command("cat", cwd="/no/such/folder"), "cwd must be an existing folder"),
        (command("cat", timeout_seconds="5"), "timeout_seconds must be a whole number"),
        (command("cat", timeout_seconds=True), "timeout_seconds must be a whole number"),
        (b'{"argv": ["elastic-blast"], "timeout_seconds": NaN}', "timeout_seconds must be"),
    ],
)
def test_a_malformed_command_is_a_400(sidecar: Sidecar, body: Any, error: str) -> None:
    for method, path in (("POST", "/exec"), ("POST", "/exec/stream"), ("PUT", "/operations/bad")):
        response = sidecar.request(method, path, body)
        assert response.status == 400
        assert response.body["error"].startswith(error)
    assert sidecar.request("GET", "/operations/bad").status == 404


@pytest.mark.parametrize("binary", ["bash", "/usr/bin/az", "./kubectl", "git", "", "az "])
def test_a_binary_that_is_not_allowed_is_a_403(sidecar: Sidecar, binary: str) -> None:
    """R1"""
    response = sidecar.request("POST", "/exec", {"argv": [binary, "-c", "id"]})
    assert response.status == 403
    assert response.body == {"error": f"argv[0] {binary!r} not in allowlist {ALLOWED}"}


@pytest.mark.parametrize("token", [None, "", TOKEN[:-1], TOKEN + "a", NEXT_TOKEN, "ü" * 32])
def test_a_wrong_token_is_a_401(sidecar: Sidecar, token: str | None) -> None:
    """R14"""
    for method, path in (("POST", "/exec"), ("POST", "/exec/stream"), ("PUT", "/operations/a")):
        response = sidecar.request(method, path, command("cat"), token)
        assert (response.status, response.body) == (
            401,
            {"error": "missing or invalid X-Exec-Token"},
        )


def test_two_tokens_are_valid_during_a_rotation(own_sidecar: Callable[..., Sidecar]) -> None:
    sidecar = own_sidecar(EXEC_TOKEN_NEXT=NEXT_TOKEN)
    for token in (TOKEN, NEXT_TOKEN):
        assert sidecar.request("POST", "/exec", command("say", "hi"), token).body["stdout"] == "hi"
    assert sidecar.request("POST", "/exec", command("say", "hi"), TOKEN + NEXT_TOKEN).status == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/exec"),
        ("POST", "/healthz"),
        ("POST", "/operations/a"),
        ("PUT", "/x"),
    ],
)
def test_an_unknown_path_is_a_404_before_the_token(
    sidecar: Sidecar, method: str, path: str
) -> None:
    response = sidecar.request(method, path, LARGE, token=None)
    assert (response.status, response.body) == (404, {"error": "not found"})


def test_the_token_is_checked_before_the_size(sidecar: Sidecar) -> None:
    assert sidecar.request("POST", "/exec", LARGE, token=None).status == 401


def test_the_size_is_checked_before_the_content(sidecar: Sidecar) -> None:
    response = sidecar.request("POST", "/exec", LARGE)
    assert (response.status, response.body) == (413, {"error": "body too large (max 2097152)"})


def test_a_body_of_unknown_length_is_capped_too(sidecar: Sidecar) -> None:
    connection = sidecar.connect()
    pieces = iter([LARGE[:1_500_000], LARGE[:1_500_000]])
    connection.request("POST", "/exec", pieces, {"X-Exec-Token": TOKEN}, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


def test_a_body_just_under_the_limit_is_accepted(sidecar: Sidecar) -> None:
    stdin = "x" * (2 * 1024 * 1024 - 200)
    assert len(sidecar.run("cat", stdin=stdin)["stdout"]) == len(stdin)


def test_too_many_commands_a_minute_are_a_429_with_retry_after(
    own_sidecar: Callable[..., Sidecar],
) -> None:
    sidecar = own_sidecar(EXEC_RATE_PER_MINUTE="1", EXEC_MAX_CONCURRENCY="1")
    sidecar.run("say", "first")
    response = sidecar.request("POST", "/exec", command("say", "second"))
    assert response.status == 429
    assert 0 < response.body["retry_after_seconds"] <= 60
    assert response.headers["Retry-After"] == str(response.body["retry_after_seconds"])
    assert sidecar.request("POST", "/exec", {"argv": ["bash"]}).status == 403


def test_a_missing_binary_is_a_500_with_detail(sidecar: Sidecar) -> None:
    response = sidecar.request("POST", "/exec", {"argv": ["azcopy", "copy"]})
    assert response.status == 500
    assert response.body == {"error": "exec failed", "detail": "azcopy not found on PATH"}


def test_a_command_that_cannot_be_started_is_a_500(sidecar: Sidecar) -> None:
    response = sidecar.request("POST", "/exec", command("say", "x" * 1_500_000))
    assert response.status == 500
    assert response.body == {"error": "exec failed", "detail": "Argument list too long"}


def test_a_busy_server_is_a_503_with_retry_after(
    own_sidecar: Callable[..., Sidecar], pipe: CommandPipe
) -> None:
    sidecar = own_sidecar(EXEC_MAX_CONCURRENCY="1")
    sidecar.request("PUT", "/operations/only", command("hold", pipe.path))
    pipe.wait_started()
    response = sidecar.request("POST", "/exec", command("say", "hi"))
    assert response.status == 503
    assert response.body == {"error": "exec server busy", "max_concurrency": 1}
    assert int(response.headers["Retry-After"]) > 0
    assert sidecar.request("PUT", "/operations/next", command("say", "hi")).status == 503
    assert sidecar.request("GET", "/operations/next").status == 404
    sidecar.request("DELETE", "/operations/only")
    assert sidecar.run("say", "again")["stdout"] == "again"


def test_failed_starts_release_their_slots(
    own_sidecar: Callable[..., Sidecar],
) -> None:
    sidecar = own_sidecar(EXEC_MAX_CONCURRENCY="2")
    for _ in range(3):
        assert sidecar.request("POST", "/exec", {"argv": ["azcopy"]}).status == 500
        assert sidecar.request("PUT", "/operations/a", {"argv": ["azcopy"]}).status == 500
    assert sidecar.request("GET", "/operations/a").status == 404
    assert sidecar.run("say", "free")["stdout"] == "free"


def test_commands_run_concurrently(sidecar: Sidecar) -> None:
    with ThreadPoolExecutor(8) as pool:
        output = pool.map(lambda n: sidecar.run("say", str(n))["stdout"], range(16))
        assert list(output) == [str(n) for n in range(16)]


@pytest.mark.acceptance
@pytest.mark.parametrize(
    "sent",
    [b"", b"POST /exec HT", b"POST /exec HTTP/1.1\r\nHost: a\r\nX-Exec-T"],
    ids=["nothing", "a line", "a header"],
)
def test_an_unfinished_header_closes_the_connection(
    own_sidecar: Callable[..., Sidecar], sent: bytes
) -> None:
    sidecar = own_sidecar(EXEC_HEADER_SECONDS="1")
    with sidecar.raw() as connection:
        connection.sendall(sent)
        assert connection.recv(1000) == b""


@pytest.mark.acceptance
def test_an_unfinished_body_is_a_408(own_sidecar: Callable[..., Sidecar]) -> None:
    sidecar = own_sidecar(EXEC_BODY_SECONDS="1")
    with sidecar.raw() as connection:
        head = (
            f"POST /exec HTTP/1.1\r\nHost: a\r\nX-Exec-Token: {TOKEN}\r\nContent-Length: 50\r\n\r\n"
        )
        connection.sendall(head.encode() + b"{")
        response = connection.recv(10_000)
        assert response.startswith(b"HTTP/1.1 408 ")
        assert b"the body did not arrive in time" in response


def test_http_1_0_is_supported(sidecar: Sidecar) -> None:
    body = json.dumps(command("say", "hi")).encode()
    with sidecar.raw() as connection:
        head = (
            f"POST /exec HTTP/1.0\r\nX-Exec-Token: {TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        connection.sendall(head.encode() + body)
        with connection.makefile("rb") as response:
            head_lines, _, content = response.read().partition(b"\r\n\r\n")
    assert head_lines.startswith(b"HTTP/1.0 200 ")
    assert json.loads(content)["stdout"] == "hi"
