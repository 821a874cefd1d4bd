import http.client
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.sidecar.sidecar_fixture import TOKEN, Life, Sidecar, command, until


def test_lines_come_as_they_are_written_and_a_summary_last(sidecar: Sidecar) -> None:
    *lines, summary = _heard(_begin(sidecar, "lines"))
    assert [line["line"] for line in lines if line["stream"] == "stdout"] == ["one", "three"]
    assert [line["line"] for line in lines if line["stream"] == "stderr"] == ["two"]
    assert summary.pop("duration_ms") >= 0
    assert summary == {"exit_code": 0, "timed_out": False, "truncated": False}


def test_a_line_arrives_while_the_command_runs(sidecar: Sidecar, life: Life) -> None:
    gate = Life(sidecar.folder, "stream-gate")
    answer = _begin(sidecar, "finish", life.path, gate.path)
    life.begin()
    Path(gate.path).write_text("go")
    assert json.loads(answer.readline()) == {"stream": "stdout", "line": "done"}
    assert life.end() == "finished\n"
    answer.close()


def test_an_unfinished_last_line_is_told(sidecar: Sidecar) -> None:
    line, summary = _heard(_begin(sidecar, "say", "no newline"))
    assert line == {"stream": "stdout", "line": "no newline"}
    assert summary["exit_code"] == 0


def test_a_long_line_comes_in_pieces_without_loss(sidecar: Sidecar) -> None:
    *pieces, last, _ = _heard(_begin(sidecar, "flood", "200000"))
    assert all(piece["continues"] for piece in pieces) and "continues" not in last
    whole = "".join(piece["line"] for piece in [*pieces, last])
    assert whole == "x" * 200_000 + '{"end": true}'
    assert max(len(piece["line"]) for piece in pieces) <= 64 * 1024


def test_a_timeout_is_told_in_the_summary(sidecar: Sidecar, life: Life) -> None:
    (summary,) = _heard(_begin(sidecar, "hold", life.path, timeout_seconds=1))
    assert (summary["exit_code"], summary["timed_out"]) == (124, True)


def test_a_client_that_goes_away_ends_a_silent_command(sidecar: Sidecar, life: Life) -> None:
    answer = _begin(sidecar, "family", life.path)
    life.begin()
    answer.close()
    assert life.end() == ""


def test_a_client_that_goes_away_ends_a_command_that_writes(sidecar: Sidecar, life: Life) -> None:
    answer = _begin(sidecar, "gush", life.path)
    life.begin()
    assert answer.readline()
    answer.close()
    assert life.end() == ""


def test_a_client_that_does_not_read_holds_no_slot_for_ever(
    own_sidecar: Callable[..., Sidecar], life: Life
) -> None:
    sidecar = own_sidecar(EXEC_MAX_CONCURRENCY="1")
    answer = _begin(sidecar, "gush", life.path, timeout_seconds=1)
    life.begin()
    assert life.end() == ""
    until(lambda: sidecar.ask("POST", "/exec", command("say", "hi")).status == 200)
    answer.close()


def test_a_refusal_to_stream_is_plain_json(sidecar: Sidecar) -> None:
    answer = sidecar.ask("POST", "/exec/stream", {"argv": ["azcopy"]})
    assert (answer.status, answer.body["error"]) == (500, "exec failed")


def _begin(sidecar: Sidecar, *argv: str, **fields: object) -> http.client.HTTPResponse:
    connection = sidecar.connect()
    body = json.dumps(command(*argv, **fields))
    connection.request("POST", "/exec/stream", body, {"X-Exec-Token": TOKEN})
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    return answer


def _heard(answer: http.client.HTTPResponse) -> list[dict[str, Any]]:
    with answer:
        return [json.loads(line) for line in answer]
