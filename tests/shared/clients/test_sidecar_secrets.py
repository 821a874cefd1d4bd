"""The client keeps its token and its inputs to itself."""

import json
import traceback
from datetime import timedelta

import pytest

from shared.clients.http_client import exchange, parse_address
from shared.clients.sidecar import Sidecar
from shared.contracts.exec import Command, Finished, Refused
from tests.support.misbehaving_server import answers, resets, rude

TOKEN = "token-" + "s" * 32
SAY = Command(("elastic-blast", "say"), "the secret input", timedelta(seconds=1))
DONE = {"exit_code": 0, "stdout": "the secret output", "stderr": "", "duration_ms": 7}
OK = answers("200 OK", json.dumps(DONE).encode())


@pytest.mark.parametrize(
    "url",
    [
        "http://sidecar.internal",
        "http://127.0.0.1.evil.example",
        "http://user@127.0.0.1:80",
        "https://user:secret@sidecar.internal",
        "ftp://localhost",
        "sidecar.internal",
        "https://",
        "https://sidecar.internal:port",
        "",
    ],
)
def test_an_address_that_would_give_the_token_away_is_an_error(url: str) -> None:
    with pytest.raises(ValueError, match="sidecar") as caught:
        Sidecar(url, lambda: TOKEN)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://sidecar.internal/", "http://localhost:1", "http://[::1]:1"]
)
def test_an_address_that_keeps_the_token_is_taken(url: str) -> None:
    Sidecar(url, lambda: TOKEN)


@pytest.mark.parametrize("token", ["", "a\nb" * 20, "tökén" * 10])
def test_a_token_that_cannot_be_sent_is_refused_and_not_shown(
    token: str, caplog: pytest.LogCaptureFixture
) -> None:
    refuses = answers("401 Unauthorized", b'{"error": "missing or invalid X-Exec-Token"}')
    with rude(refuses) as server:
        result = Sidecar(server.url, lambda: token).exec(SAY)
        assert b"X-Exec-Token" not in server.heard[0]
    assert result == Refused(401, "missing or invalid X-Exec-Token", None)
    assert "sidecar_token_unreadable" in caplog.text
    assert not token or token not in caplog.text


def test_a_line_break_around_a_token_is_no_part_of_it() -> None:
    with rude(OK) as server:
        assert isinstance(Sidecar(server.url, lambda: TOKEN + "\n").exec(SAY), Finished)
        assert f"X-Exec-Token: {TOKEN}\r\n".encode() in server.heard[0]


@pytest.mark.parametrize("operation", ["", "A", "a/b", "..", "a?b", "x" * 81])
def test_a_name_that_is_none_is_an_error(operation: str) -> None:
    with rude(OK) as server:
        client = Sidecar(server.url, lambda: TOKEN)
        for ask in (client.look, client.stop_operation):
            with pytest.raises(ValueError, match="operation"):
                ask(operation)
        with pytest.raises(ValueError, match="operation"):
            client.run_operation(operation, SAY, timedelta(0), None)


def test_nothing_shows_the_token_or_what_went_in_and_out() -> None:
    with rude(OK, resets) as server:
        client = Sidecar(server.url, lambda: TOKEN)
        shown = repr([client, SAY, client.exec(SAY), client.exec(SAY)])
    assert "Finished" in shown and "Unreachable" in shown
    assert TOKEN not in shown and "secret" not in shown


@pytest.mark.parametrize("token", ["s3cret\nX: y", "s3cret\r", "s3cret\u2028"])
def test_failure_22_a_header_that_cannot_be_sent_is_not_quoted(token: str) -> None:
    with rude(OK) as server, pytest.raises(ValueError, match="header") as caught:
        exchange(
            parse_address(server.url), "GET", "/", None, {"Authorization": f"Bearer {token}"}, 5.0
        )
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
