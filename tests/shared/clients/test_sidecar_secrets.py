"""The sidecar client exposes neither its token nor commands' input and output."""

import json
import traceback
from datetime import timedelta

import pytest

from shared.clients.http_client import send_request
from shared.clients.sidecar import SidecarClient
from shared.contracts.exec import Command, Finished, HttpRejection
from shared.util.addresses import parse_address
from tests.support.misbehaving_server import misbehaving_server, resets, responds

TOKEN = "token-" + "s" * 32
SAY = Command(("elastic-blast", "say"), "the secret input", timedelta(seconds=1))
DONE = {"exit_code": 0, "stdout": "the secret output", "stderr": "", "duration_ms": 7}
OK = responds("200 OK", json.dumps(DONE).encode())


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
def test_a_url_that_would_expose_the_token_is_rejected(url: str) -> None:
    with pytest.raises(ValueError, match="sidecar") as caught:
        SidecarClient(url, lambda: TOKEN)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://sidecar.internal/", "http://localhost:1", "http://[::1]:1"]
)
def test_https_and_loopback_urls_are_accepted(url: str) -> None:
    SidecarClient(url, lambda: TOKEN)


@pytest.mark.parametrize("token", ["", "a\nb" * 20, "tökén" * 10])
async def test_an_invalid_token_is_neither_sent_nor_logged(
    token: str, caplog: pytest.LogCaptureFixture
) -> None:
    refuses = responds("401 Unauthorized", b'{"error": "missing or invalid X-Exec-Token"}')
    with misbehaving_server(refuses) as server:
        result = await SidecarClient(server.url, lambda: token).exec(SAY)
        assert b"X-Exec-Token" not in server.requests[0]
    assert result == HttpRejection(401, "missing or invalid X-Exec-Token", None)
    assert "sidecar_token_unreadable" in caplog.text
    assert not token or token not in caplog.text


async def test_white_space_around_a_token_is_removed() -> None:
    with misbehaving_server(OK) as server:
        assert isinstance(await SidecarClient(server.url, lambda: TOKEN + "\n").exec(SAY), Finished)
        assert f"X-Exec-Token: {TOKEN}\r\n".encode() in server.requests[0]


@pytest.mark.parametrize("operation", ["", "A", "a/b", "..", "a?b", "x" * 81])
async def test_an_invalid_operation_id_is_rejected(operation: str) -> None:
    with misbehaving_server(OK) as server:
        client = SidecarClient(server.url, lambda: TOKEN)
        with pytest.raises(ValueError, match="operation"):
            await client.get_operation(operation, timedelta(0), "i")
        with pytest.raises(ValueError, match="operation"):
            await client.stop_operation(operation, "i")
        with pytest.raises(ValueError, match="operation"):
            await client.run_operation(operation, SAY, timedelta(0), "i")


async def test_reprs_contain_neither_token_nor_input_nor_output() -> None:
    with misbehaving_server(OK, resets) as server:
        client = SidecarClient(server.url, lambda: TOKEN)
        text = repr([client, SAY, await client.exec(SAY), await client.exec(SAY)])
    assert "Finished" in text and "Unreachable" in text
    assert TOKEN not in text and "secret" not in text


@pytest.mark.parametrize("token", ["s3cret\nX: y", "s3cret\r", "s3cret\u2028"])
async def test_failure_22_a_header_that_cannot_be_sent_is_not_quoted(token: str) -> None:
    with misbehaving_server(OK) as server, pytest.raises(ValueError, match="header") as caught:
        await send_request(
            parse_address(server.url), "GET", "/", None, {"Authorization": f"Bearer {token}"}, 5.0
        )
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
