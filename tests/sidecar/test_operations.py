"""Operations of a running sidecar: start once, query, stop."""

import json
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.sidecar.sidecar_fixture import TOKEN, CommandPipe, Sidecar, command, until


def test_an_operation_is_started_and_its_result_is_kept(
    sidecar: Sidecar, pipe: CommandPipe
) -> None:
    gate = CommandPipe(sidecar.folder, "kept-gate")
    body = command("finish", pipe.path, gate.path)
    begun = sidecar.request("PUT", "/operations/kept", body)
    assert begun.status == 202
    assert begun.body == {
        "id": "kept",
        "state": "running",
        "started_at": begun.body["started_at"],
    }
    pipe.wait_started()
    running = sidecar.request("GET", "/operations/kept").body
    assert running == {**begun.body, "finished_at": None, "result": None}
    Path(gate.path).write_text("go")
    done = sidecar.request("GET", "/operations/kept?wait=20").body
    assert done["state"] == "done"
    assert done["finished_at"] > done["started_at"] == begun.body["started_at"]
    assert done["result"].pop("duration_ms") >= 0
    assert done["result"] == {
        "exit_code": 0,
        "stdout": "done\n",
        "stderr": "",
        "timed_out": False,
        "stdout_truncated": False,
        "stderr_truncated": False,
    }
    again = sidecar.request("PUT", "/operations/kept", body)
    assert (again.status, again.body["result"]["stdout"]) == (200, "done\n")


def test_repeated_requests_start_one_command(sidecar: Sidecar, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    body = command("note", str(notes))
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: sidecar.request("PUT", "/operations/once", body), range(24))
        )
    assert {response.status for response in answers} <= {200, 202}
    sidecar.request("GET", "/operations/once?wait=20")
    assert notes.read_text() == "started\n"


def test_the_same_command_in_other_json_attaches(sidecar: Sidecar) -> None:
    sidecar.request("PUT", "/operations/spelling", command("say", "hi", timeout_seconds=60))
    other = b'{"stdin": null, "cwd":null,\n "argv": ["elastic-blast", "s\\u0061y", "hi"]}'
    assert sidecar.request("PUT", "/operations/spelling", other).status in (200, 202)


@pytest.mark.parametrize(
    "other",
    [
        command("say", "hi", stdin=""),
        command("say", "hi", timeout_seconds=61),
        command("say", "hi", cwd="/"),
        command("say", "ho"),
        {"argv": ["kubectl", "say", "hi"]},
    ],
    ids=["stdin", "timeout", "cwd", "argument", "binary"],
)
def test_the_same_id_for_another_command_is_a_409(
    sidecar: Sidecar, other: dict[str, object]
) -> None:
    sidecar.request("PUT", "/operations/taken", command("say", "hi"))
    response = sidecar.request("PUT", "/operations/taken", other)
    assert response.status == 409
    assert response.body == {"error": "operation taken exists with another body"}
    assert sidecar.request("GET", "/operations/taken?wait=20").body["result"]["stdout"] == "hi"


@pytest.mark.parametrize("name", ["A", "a_b", "a.b", "..%2fa", "x" * 81, "%C3%BC"])
def test_an_invalid_operation_id_is_a_400(sidecar: Sidecar, name: str) -> None:
    for method in ("PUT", "GET", "DELETE"):
        assert sidecar.request(method, f"/operations/{name}", command("say", "hi")).status == 400


def test_an_unknown_operation_is_a_404(sidecar: Sidecar) -> None:
    for method in ("GET", "DELETE"):
        response = sidecar.request(method, "/operations/never-seen")
        assert (response.status, response.body) == (
            404,
            {"error": "operation not found", "id": "never-seen"},
        )


def test_an_invalid_wait_is_a_400(sidecar: Sidecar) -> None:
    for wait in ("", "-1", "nan", "1e9", "soon"):
        assert sidecar.request("GET", f"/operations/a?wait={wait}").status == 400


def test_a_wait_that_times_out_returns_running(sidecar: Sidecar, pipe: CommandPipe) -> None:
    sidecar.request("PUT", "/operations/long", command("hold", pipe.path))
    pipe.wait_started()
    assert sidecar.request("GET", "/operations/long?wait=0.2").body["state"] == "running"
    sidecar.request("DELETE", "/operations/long")


@pytest.mark.acceptance
@pytest.mark.parametrize(("way", "code"), [("family", 143), ("deaf", 137), ("gentle", 7)])
def test_a_deleted_operation_leaves_no_process(
    sidecar: Sidecar, pipe: CommandPipe, way: str, code: int
) -> None:
    sidecar.request("PUT", f"/operations/delete-{way}", command(way, pipe.path))
    pipe.wait_started()
    first = sidecar.request("DELETE", f"/operations/delete-{way}")
    assert first.status == 200
    assert first.body["state"] == "done"
    assert (first.body["result"]["exit_code"], first.body["result"]["timed_out"]) == (code, False)
    assert pipe.wait_closed() == ""
    assert sidecar.request("DELETE", f"/operations/delete-{way}").body == first.body


def test_a_deleted_operation_does_not_start_again(sidecar: Sidecar, pipe: CommandPipe) -> None:
    body = command("hold", pipe.path)
    sidecar.request("PUT", "/operations/deleted", body)
    pipe.wait_started()
    sidecar.request("DELETE", "/operations/deleted")
    response = sidecar.request("PUT", "/operations/deleted", body)
    assert (response.status, response.body["result"]["exit_code"]) == (200, 143)


def test_an_operation_that_times_out_has_exit_code_124(sidecar: Sidecar, pipe: CommandPipe) -> None:
    sidecar.request("PUT", "/operations/over-time", command("hold", pipe.path, timeout_seconds=1))
    pipe.wait_started()
    result = sidecar.request("GET", "/operations/over-time?wait=20").body["result"]
    assert (result["exit_code"], result["timed_out"]) == (124, True)


def test_attaching_is_not_limited(own_sidecar: Callable[..., Sidecar], pipe: CommandPipe) -> None:
    sidecar = own_sidecar(EXEC_MAX_CONCURRENCY="1", EXEC_RATE_PER_MINUTE="1")
    body = command("hold", pipe.path)
    statuses = [sidecar.request("PUT", "/operations/only", body).status for _ in range(3)]
    assert statuses == [202, 202, 202]
    pipe.wait_started()


def test_an_operation_starts_although_its_client_disconnects(
    sidecar: Sidecar, tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    body = json.dumps(command("note", str(notes)))
    connection = sidecar.connect()
    connection.request("PUT", "/operations/gone", body, {"X-Exec-Token": TOKEN})
    connection.close()
    until(lambda: sidecar.request("GET", "/operations/gone?wait=20").status == 200)
    assert sidecar.request("GET", "/operations/gone?wait=20").body["state"] == "done"
    assert notes.read_text() == "started\n"


def test_stdin_and_arguments_are_not_stored_and_results_are_private(
    own_sidecar: Callable[..., Sidecar], pipe: CommandPipe
) -> None:
    sidecar = own_sidecar()
    sidecar.request("PUT", "/operations/runs", command("hold", pipe.path, "secret", stdin="secret"))
    sidecar.request("PUT", "/operations/ended", command("say", "shown", "secret", stdin="secret"))
    pipe.wait_started()
    sidecar.request("GET", "/operations/ended?wait=20")
    files = {path.name: path for path in sidecar.state.rglob("*") if path.is_file()}
    assert files.keys() == {"lock", "instance", "runs.record", "ended.record", "ended.result"}
    assert not any(b"secret" in path.read_bytes() for path in files.values())
    assert b"shown" in files["ended.result"].read_bytes()
    del files["lock"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
    assert stat.S_IMODE(sidecar.state.stat().st_mode) == 0o700


def test_an_operation_that_cannot_be_recorded_is_not_started(
    own_sidecar: Callable[..., Sidecar], tmp_path: Path
) -> None:
    """With a full disk; the sidecar removes its draft, and works again afterwards."""
    sidecar = own_sidecar(EXEC_MAX_CONCURRENCY="1")
    draft = sidecar.state / "operations" / "a.record-draft"
    notes = tmp_path / "notes"
    body = command("note", str(notes))
    for _ in range(2):
        draft.symlink_to("/dev/full")
        response = sidecar.request("PUT", "/operations/a", body)
        assert response.status == 500
        assert response.body["detail"] == "not recorded: No space left on device"
        assert not draft.is_symlink()
    assert sidecar.run("say", "hi")["stdout"] == "hi"
    assert not notes.exists()
    assert sidecar.request("PUT", "/operations/a", body).status == 202


def test_a_result_that_cannot_be_stored_is_an_unknown_outcome(
    own_sidecar: Callable[..., Sidecar], pipe: CommandPipe
) -> None:
    sidecar = own_sidecar()
    gate = CommandPipe(sidecar.folder, "gate")
    sidecar.request("PUT", "/operations/a", command("finish", pipe.path, gate.path))
    pipe.wait_started()
    (sidecar.state / "operations" / "a.result-draft").symlink_to("/dev/full")
    Path(gate.path).write_text("go")
    seen = sidecar.request("GET", "/operations/a?wait=20").body
    assert (seen["state"], seen["result"]) == ("interrupted", None)


def test_failure_34_an_operation_stopped_before_its_start_never_starts(
    sidecar: Sidecar, tmp_path: Path
) -> None:
    """The PUT arrives after the DELETE."""
    notes = tmp_path / "notes"
    assert sidecar.request("DELETE", "/operations/late").status == 404
    assert sidecar.request("PUT", "/operations/late", command("note", str(notes))).status == 409
    assert sidecar.request("GET", "/operations/late").body["state"] == "interrupted"
    assert sidecar.request("DELETE", "/operations/late").status == 200
    assert not notes.exists()
