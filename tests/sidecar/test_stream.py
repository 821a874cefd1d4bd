import http.client
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sidecar.sidecar_fixture import TOKEN, CommandPipe, Sidecar, command, until


def test_lines_are_streamed_with_a_summary_last(sidecar: Sidecar) -> None:
    *lines, summary = _stream_lines(_begin(sidecar, "lines"))
    assert [line["line"] for line in lines if line["stream"] == "stdout"] == ["one", "three"]
    assert [line["line"] for line in lines if line["stream"] == "stderr"] == ["two"]
    assert summary.pop("duration_ms") >= 0
    assert summary == {"exit_code": 0, "timed_out": False, "truncated": False}


def test_a_line_arrives_while_the_command_runs(sidecar: Sidecar, pipe: CommandPipe) -> None:
    gate = CommandPipe(sidecar.folder, "stream-gate")
    response = _begin(sidecar, "finish", pipe.path, gate.path)
    pipe.wait_started()
    Path(gate.path).write_text("go")
    assert json.loads(response.readline()) == {"stream": "stdout", "line": "done"}
    assert pipe.wait_closed() == "finished\n"
    response.close()


def test_an_unfinished_last_line_is_sent(sidecar: Sidecar) -> None:
    line, summary = _stream_lines(_begin(sidecar, "say", "no newline"))
    assert line == {"stream": "stdout", "line": "no newline"}
    assert summary["exit_code"] == 0


def test_a_long_line_is_sent_in_pieces(sidecar: Sidecar) -> None:
    *pieces, last, _ = _stream_lines(_begin(sidecar, "flood", "200000"))
    assert all(piece["continues"] for piece in pieces) and "continues" not in last
    whole = "".join(piece["line"] for piece in [*pieces, last])
    assert whole == "x" * 200_000 + '{"end": true}'
    assert max(len(piece["line"]) for piece in pieces) <= 64 * 1024


@pytest.mark.acceptance
def test_a_timeout_is_in_the_summary(sidecar: Sidecar, pipe: CommandPipe) -> None:
    (summary,) = _stream_lines(_begin(sidecar, "hold", pipe.path, timeout_seconds=1))
    assert (summary["exit_code"], summary["timed_out"]) == (124, True)


def test_a_disconnect_ends_a_silent_command(sidecar: Sidecar, pipe: CommandPipe) -> None:
    response = _begin(sidecar, "family", pipe.path)
    pipe.wait_started()
    response.close()
    assert pipe.wait_closed() == ""


def test_a_disconnect_ends_a_writing_command(sidecar: Sidecar, pipe: CommandPipe) -> None:
    response = _begin(sidecar, "gush", pipe.path)
    pipe.wait_started()
    assert response.readline()
    response.close()
    assert pipe.wait_closed() == ""


@pytest.mark.acceptance
def test_a_client_that_does_not_read_cannot_hold_a_slot(
    own_sidecar: Callable[..., Sidecar], pipe: CommandPipe
) -> None:
    sidecar = own_sidecar(EXEC_MAX_CONCURRENCY="1")
    response = _begin(sidecar, "gush", pipe.path, timeout_seconds=1)
    pipe.wait_started()
    assert pipe.wait_closed() == ""
    until(lambda: sidecar.request("POST", "/exec", command("say", "hi")).status == 200)
    response.close()


def test_an_error_of_a_stream_is_plain_json(sidecar: Sidecar) -> None:
    response = sidecar.request("POST", "/exec/stream", {"argv": ["azcopy"]})
    assert (response.status, response.body["error"]) == (500, "exec failed")


def _begin(sidecar: Sidecar, *argv: str, **fields: object) -> http.client.HTTPResponse:
    connection = sidecar.connect()
    body = json.dumps(command(*argv, **fields))
    connection.request("POST", "/exec/stream", body, {"X-Exec-Token": TOKEN})
    response = connection.getresponse()
    assert response.status == 200
    assert response.headers["Content-Type"] == "application/x-ndjson"
    return response


def _stream_lines(response: http.client.HTTPResponse) -> list[dict[str, Any]]:
    with response:
        return [json.loads(line) for line in response]
