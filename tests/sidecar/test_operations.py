"""Operations while the sidecar lives: started once, asked for later, ended on request."""

import json
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.sidecar.sidecar_fixture import TOKEN, Life, Sidecar, command, until


def test_an_operation_is_started_and_its_result_is_kept(sidecar: Sidecar, life: Life) -> None:
    gate = Life(sidecar.folder, "kept-gate")
    asked = command("finish", life.path, gate.path)
    begun = sidecar.ask("PUT", "/operations/kept", asked)
    assert begun.status == 202
    assert begun.body == {
        "id": "kept",
        "state": "running",
        "started_at": begun.body["started_at"],
    }
    life.begin()
    running = sidecar.ask("GET", "/operations/kept").body
    assert running == {**begun.body, "finished_at": None, "result": None}
    Path(gate.path).write_text("go")
    done = sidecar.ask("GET", "/operations/kept?wait=20").body
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
    again = sidecar.ask("PUT", "/operations/kept", asked)
    assert (again.status, again.body["result"]["stdout"]) == (200, "done\n")


def test_the_same_request_sent_many_times_starts_one_command(
    sidecar: Sidecar, tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    asked = command("note", str(notes))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: sidecar.ask("PUT", "/operations/once", asked), range(24)))
    assert {answer.status for answer in answers} <= {200, 202}
    sidecar.ask("GET", "/operations/once?wait=20")
    assert notes.read_text() == "started\n"


def test_the_same_request_written_otherwise_attaches(sidecar: Sidecar) -> None:
    sidecar.ask("PUT", "/operations/spelling", command("say", "hi", timeout_seconds=60))
    other = b'{"stdin": null, "cwd":null,\n "argv": ["elastic-blast", "s\\u0061y", "hi"]}'
    assert sidecar.ask("PUT", "/operations/spelling", other).status in (200, 202)


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
    sidecar.ask("PUT", "/operations/taken", command("say", "hi"))
    answer = sidecar.ask("PUT", "/operations/taken", other)
    assert answer.status == 409
    assert answer.body == {"error": "operation taken exists with another body"}
    assert sidecar.ask("GET", "/operations/taken?wait=20").body["result"]["stdout"] == "hi"


@pytest.mark.parametrize("name", ["A", "a_b", "a.b", "..%2fa", "x" * 81, "%C3%BC"])
def test_a_name_that_is_none_is_a_400(sidecar: Sidecar, name: str) -> None:
    for method in ("PUT", "GET", "DELETE"):
        assert sidecar.ask(method, f"/operations/{name}", command("say", "hi")).status == 400


def test_what_was_never_seen_is_a_404(sidecar: Sidecar) -> None:
    for method in ("GET", "DELETE"):
        answer = sidecar.ask(method, "/operations/never-seen")
        assert (answer.status, answer.body) == (404, {"error": "operation not found"})


def test_to_wait_is_to_wait_for_a_number_of_seconds(sidecar: Sidecar) -> None:
    for wait in ("", "-1", "nan", "1e9", "soon"):
        assert sidecar.ask("GET", f"/operations/a?wait={wait}").status == 400


def test_a_wait_that_is_over_says_that_it_runs(sidecar: Sidecar, life: Life) -> None:
    sidecar.ask("PUT", "/operations/long", command("hold", life.path))
    life.begin()
    assert sidecar.ask("GET", "/operations/long?wait=0.2").body["state"] == "running"
    sidecar.ask("DELETE", "/operations/long")


@pytest.mark.parametrize(("way", "code"), [("family", 143), ("deaf", 137), ("gentle", 7)])
def test_a_deleted_operation_leaves_no_process(
    sidecar: Sidecar, life: Life, way: str, code: int
) -> None:
    sidecar.ask("PUT", f"/operations/delete-{way}", command(way, life.path))
    life.begin()
    first = sidecar.ask("DELETE", f"/operations/delete-{way}")
    assert first.status == 200
    assert first.body["state"] == "done"
    assert (first.body["result"]["exit_code"], first.body["result"]["timed_out"]) == (code, False)
    assert life.end() == ""
    assert sidecar.ask("DELETE", f"/operations/delete-{way}").body == first.body


def test_a_deleted_operation_does_not_start_again(sidecar: Sidecar, life: Life) -> None:
    asked = command("hold", life.path)
    sidecar.ask("PUT", "/operations/deleted", asked)
    life.begin()
    sidecar.ask("DELETE", "/operations/deleted")
    answer = sidecar.ask("PUT", "/operations/deleted", asked)
    assert (answer.status, answer.body["result"]["exit_code"]) == (200, 143)


def test_an_operation_over_time_says_so(sidecar: Sidecar, life: Life) -> None:
    sidecar.ask("PUT", "/operations/over-time", command("hold", life.path, timeout_seconds=1))
    life.begin()
    result = sidecar.ask("GET", "/operations/over-time?wait=20").body["result"]
    assert (result["exit_code"], result["timed_out"]) == (124, True)


def test_attaching_needs_no_slot_and_no_allowance(
    own_sidecar: Callable[..., Sidecar], life: Life
) -> None:
    sidecar = own_sidecar(EXEC_MAX_CONCURRENCY="1", EXEC_RATE_PER_MINUTE="1")
    asked = command("hold", life.path)
    statuses = [sidecar.ask("PUT", "/operations/only", asked).status for _ in range(3)]
    assert statuses == [202, 202, 202]
    life.begin()


def test_a_client_that_goes_away_while_it_starts_an_operation_starts_it(
    sidecar: Sidecar, tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    body = json.dumps(command("note", str(notes)))
    connection = sidecar.connect()
    connection.request("PUT", "/operations/gone", body, {"X-Exec-Token": TOKEN})
    connection.close()
    until(lambda: sidecar.ask("GET", "/operations/gone?wait=20").status == 200)
    assert sidecar.ask("GET", "/operations/gone?wait=20").body["state"] == "done"
    assert notes.read_text() == "started\n"


def test_input_and_arguments_are_never_on_disk_and_results_are_private(
    own_sidecar: Callable[..., Sidecar], life: Life
) -> None:
    sidecar = own_sidecar()
    sidecar.ask("PUT", "/operations/runs", command("hold", life.path, "secret", stdin="secret"))
    sidecar.ask("PUT", "/operations/ended", command("say", "shown", "secret", stdin="secret"))
    life.begin()
    sidecar.ask("GET", "/operations/ended?wait=20")
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
    """The disk is full: the sidecar leaves nothing more on it, and serves again when it is not."""
    sidecar = own_sidecar(EXEC_MAX_CONCURRENCY="1")
    draft = sidecar.state / "operations" / "a.record-draft"
    notes = tmp_path / "notes"
    asked = command("note", str(notes))
    for _ in range(2):
        draft.symlink_to("/dev/full")
        answer = sidecar.ask("PUT", "/operations/a", asked)
        assert answer.status == 500
        assert answer.body["detail"] == "not recorded: No space left on device"
        assert not draft.is_symlink()
    assert sidecar.run("say", "hi")["stdout"] == "hi"
    assert not notes.exists()
    assert sidecar.ask("PUT", "/operations/a", asked).status == 202


def test_a_result_that_cannot_be_kept_is_an_unknown_outcome(
    own_sidecar: Callable[..., Sidecar], life: Life
) -> None:
    sidecar = own_sidecar()
    gate = Life(sidecar.folder, "gate")
    sidecar.ask("PUT", "/operations/a", command("finish", life.path, gate.path))
    life.begin()
    (sidecar.state / "operations" / "a.result-draft").symlink_to("/dev/full")
    Path(gate.path).write_text("go")
    seen = sidecar.ask("GET", "/operations/a?wait=20").body
    assert (seen["state"], seen["result"]) == ("interrupted", None)


def test_failure_34_what_was_stopped_before_it_began_never_begins(
    sidecar: Sidecar, tmp_path: Path
) -> None:
    """Its request was on its way when somebody cancelled."""
    notes = tmp_path / "notes"
    assert sidecar.ask("DELETE", "/operations/late").status == 404
    assert sidecar.ask("PUT", "/operations/late", command("note", str(notes))).status == 409
    assert sidecar.ask("GET", "/operations/late").body["state"] == "interrupted"
    assert sidecar.ask("DELETE", "/operations/late").status == 200
    assert not notes.exists()
