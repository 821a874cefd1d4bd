"""Failure 47: a second sidecar on a held state folder waits, is healthy, and takes over."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sidecar.sidecar_fixture import CommandPipe, Sidecar, command, end_of, launch, until


@pytest.fixture
def second(tmp_path: Path) -> Iterator[Callable[[Sidecar], Sidecar]]:
    """Starts another sidecar on the state folder of the first."""
    started: list[Sidecar] = []

    def start_second(first: Sidecar) -> Sidecar:
        folder = tmp_path / f"second-{len(started)}"
        folder.mkdir()
        env = {**first.env, "EXEC_STATE_DIR": str(first.state)}
        started.append(Sidecar(folder, launch(folder, env), env))
        return started[-1]

    yield start_second
    for running in started:
        running.child.stop()


Second = Callable[[Sidecar], Sidecar]


def test_failure_47_a_second_sidecar_is_healthy_and_runs_nothing(
    own_sidecar: Callable[..., Sidecar], second: Second, tmp_path: Path
) -> None:
    first, notes = own_sidecar(), tmp_path / "notes"
    waiting = second(first)
    health = waiting.request("GET", "/healthz", token=None)
    assert (health.status, health.body["status"], health.body["waiting"]) == (200, "ok", True)
    assert (health.body["operations"], health.body["max_concurrency"]) == (True, 4)
    for method, path, token in (
        ("PUT", "/operations/a", "wrong"),
        ("PUT", "/operations/a", first.env["EXEC_TOKEN"]),
        ("GET", "/operations/a", first.env["EXEC_TOKEN"]),
        ("DELETE", "/operations/a", first.env["EXEC_TOKEN"]),
        ("POST", "/exec", first.env["EXEC_TOKEN"]),
        ("POST", "/exec/stream", first.env["EXEC_TOKEN"]),
        ("GET", "/no/such/path", None),
    ):
        response = waiting.request(method, path, command("note", str(notes)), token)
        assert response.status == 503
        assert response.body == {"error": "another exec server holds the state folder"}
        assert int(response.headers["Retry-After"]) > 0
    assert not notes.exists()
    assert first.run("say", "alive")["stdout"] == "alive"


def test_failure_47_a_waiting_sidecar_sends_no_instance(
    own_sidecar: Callable[..., Sidecar], second: Second
) -> None:
    """It cannot know what the holder of the folder has run."""
    waiting = second(own_sidecar())
    for path in ("/healthz", "/operations/a", "/no/such/path"):
        assert "X-Exec-Instance" not in waiting.request("GET", path).headers


@pytest.mark.acceptance
def test_failure_47_it_takes_over_after_sigterm_to_the_first(
    own_sidecar: Callable[..., Sidecar], second: Second, pipe: CommandPipe
) -> None:
    """The first sidecar's commands end before the second one serves."""
    first = own_sidecar()
    instance = first.instance
    first.request("PUT", "/operations/ended", command("say", "hi"))
    done = first.request("GET", "/operations/ended?wait=20").body
    body = command("deaf", pipe.path)
    first.request("PUT", "/operations/ran", body)
    pipe.wait_started()
    waiting = second(first)
    first.child.process.terminate()
    until(lambda: not waiting.request("GET", "/healthz").body["waiting"])
    assert pipe.wait_closed() == ""
    assert waiting.instance == instance
    assert waiting.request("GET", "/operations/ended").body == done
    assert waiting.request("GET", "/operations/ran").body["state"] == "interrupted"
    assert waiting.request("PUT", "/operations/ran", body).body["state"] == "interrupted"
    assert waiting.request("GET", "/operations/other").status == 404
    assert first.child.process.wait(20) == 0


def test_failure_47_it_takes_over_when_the_first_is_killed(
    own_sidecar: Callable[..., Sidecar], second: Second, pipe: CommandPipe
) -> None:
    """The first sidecar's orphans are killed before the second one serves."""
    first = own_sidecar()
    first.request("PUT", "/operations/ran", command("deaf", pipe.path))
    pipe.wait_started()
    waiting = second(first)
    first.child.kill()
    until(lambda: waiting.request("GET", "/operations/ran").status != 503)
    assert waiting.request("GET", "/operations/ran").body["state"] == "interrupted"
    assert pipe.wait_closed() == ""


@pytest.mark.acceptance
def test_the_folder_is_held_until_the_last_command_has_ended(
    own_sidecar: Callable[..., Sidecar], second: Second, pipe: CommandPipe, tmp_path: Path
) -> None:
    """A command that cleans up after SIGTERM delays the shutdown."""
    first = own_sidecar(EXEC_KILL_SECONDS="60")
    gate = CommandPipe(tmp_path, "gate")
    first.request("PUT", "/operations/ran", command("tidy", pipe.path, gate.path))
    pipe.wait_started()
    waiting = second(first)
    first.child.process.terminate()
    assert pipe.next_line() == "tidying\n"
    assert first.request("GET", "/healthz").status == 200
    assert waiting.request("PUT", "/operations/b", command("say", "hi")).status == 503
    Path(gate.path).write_text("go")
    until(lambda: not waiting.request("GET", "/healthz").body["waiting"])
    assert pipe.wait_closed() == ""


@pytest.mark.acceptance
def test_several_waiting_sidecars_take_over_in_turn(
    own_sidecar: Callable[..., Sidecar], second: Second
) -> None:
    first = own_sidecar()
    others = [second(first), second(first)]
    first.child.kill()
    until(lambda: sum(not x.request("GET", "/healthz").body["waiting"] for x in others) == 1)
    others.sort(key=lambda x: bool(x.request("GET", "/healthz").body["waiting"]))
    assert others[1].request("GET", "/operations/a").status == 503
    others[0].child.kill()
    until(lambda: others[1].request("GET", "/operations/a").status == 404)


def test_a_waiting_sidecar_ends_at_once(
    own_sidecar: Callable[..., Sidecar], second: Second
) -> None:
    first = own_sidecar()
    waiting = second(first)
    waiting.child.process.terminate()
    assert waiting.child.process.wait(20) == 0
    assert waiting.events("started") == []
    assert first.run("say", "alive")["stdout"] == "alive"


def test_a_waiting_sidecar_does_not_change_the_folder(
    own_sidecar: Callable[..., Sidecar], second: Second, pipe: CommandPipe
) -> None:
    first = own_sidecar()
    first.request("PUT", "/operations/runs", command("hold", pipe.path))
    pipe.wait_started()
    before = sorted(first.state.rglob("*"))
    second(first)
    assert sorted(first.state.rglob("*")) == before
    assert first.request("GET", "/operations/runs").body["state"] == "running"


def test_an_unusable_state_folder_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    ended = end_of({"EXEC_STATE_DIR": str(tmp_path / "state")})
    assert ended.returncode == 1
    assert ended.stderr == f"cannot use {tmp_path}/state (EXEC_STATE_DIR): File exists\n"


@pytest.mark.acceptance
def test_a_replaced_lock_file_is_waited_for_again(
    own_sidecar: Callable[..., Sidecar], second: Second
) -> None:
    """The folder was removed, and a third sidecar created a new one."""
    first = own_sidecar()
    waiting = second(first)
    (first.state / "lock").unlink()
    third = second(first)
    assert not third.request("GET", "/healthz").body["waiting"]
    first.child.kill()
    assert waiting.request("GET", "/healthz").body["waiting"]
    third.child.kill()
    until(lambda: not waiting.request("GET", "/healthz").body["waiting"])
