"""Failure 47: a second sidecar on a held state folder waits, is healthy, and takes over."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sidecar.sidecar_fixture import Life, Sidecar, command, end_of, launch, until


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
    health = waiting.ask("GET", "/healthz", token=None)
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
        answer = waiting.ask(method, path, command("note", str(notes)), token)
        assert answer.status == 503
        assert answer.body == {"error": "another exec server holds the state folder"}
        assert int(answer.headers["Retry-After"]) > 0
    assert not notes.exists()
    assert first.run("say", "alive")["stdout"] == "alive"


def test_failure_47_who_waits_names_no_instance(
    own_sidecar: Callable[..., Sidecar], second: Second
) -> None:
    """It cannot know what the holder of the folder has run, so nothing it says may prove it."""
    waiting = second(own_sidecar())
    for path in ("/healthz", "/operations/a", "/no/such/path"):
        assert "X-Exec-Instance" not in waiting.ask("GET", path).headers


def test_failure_47_it_takes_over_when_the_first_is_told_to_end(
    own_sidecar: Callable[..., Sidecar], second: Second, life: Life
) -> None:
    """In this order: the first one's commands end, then the second one serves."""
    first = own_sidecar()
    instance = first.instance
    first.ask("PUT", "/operations/ended", command("say", "hi"))
    done = first.ask("GET", "/operations/ended?wait=20").body
    asked = command("deaf", life.path)
    first.ask("PUT", "/operations/ran", asked)
    life.begin()
    waiting = second(first)
    first.child.process.terminate()
    until(lambda: not waiting.ask("GET", "/healthz").body["waiting"])
    assert life.end() == ""
    assert waiting.instance == instance
    assert waiting.ask("GET", "/operations/ended").body == done
    assert waiting.ask("GET", "/operations/ran").body["state"] == "interrupted"
    assert waiting.ask("PUT", "/operations/ran", asked).body["state"] == "interrupted"
    assert waiting.ask("GET", "/operations/other").status == 404
    assert first.child.process.wait(20) == 0


def test_failure_47_it_takes_over_when_the_first_is_killed(
    own_sidecar: Callable[..., Sidecar], second: Second, life: Life
) -> None:
    """What the first one left running is ended before the second one serves."""
    first = own_sidecar()
    first.ask("PUT", "/operations/ran", command("deaf", life.path))
    life.begin()
    waiting = second(first)
    first.child.kill()
    until(lambda: waiting.ask("GET", "/operations/ran").status != 503)
    assert waiting.ask("GET", "/operations/ran").body["state"] == "interrupted"
    assert life.end() == ""


def test_the_first_one_holds_the_folder_until_its_last_command_has_ended(
    own_sidecar: Callable[..., Sidecar], second: Second, life: Life, tmp_path: Path
) -> None:
    """A command that tidies up after SIGTERM still runs while the first one ends."""
    first = own_sidecar(EXEC_KILL_SECONDS="60")
    gate = Life(tmp_path, "gate")
    first.ask("PUT", "/operations/ran", command("tidy", life.path, gate.path))
    life.begin()
    waiting = second(first)
    first.child.process.terminate()
    assert life.next_line() == "tidying\n"
    assert first.ask("GET", "/healthz").status == 200
    assert waiting.ask("PUT", "/operations/b", command("say", "hi")).status == 503
    Path(gate.path).write_text("go")
    until(lambda: not waiting.ask("GET", "/healthz").body["waiting"])
    assert life.end() == ""


def test_one_after_the_other_takes_over(
    own_sidecar: Callable[..., Sidecar], second: Second
) -> None:
    first = own_sidecar()
    others = [second(first), second(first)]
    first.child.kill()
    until(lambda: sum(not x.ask("GET", "/healthz").body["waiting"] for x in others) == 1)
    others.sort(key=lambda x: bool(x.ask("GET", "/healthz").body["waiting"]))
    assert others[1].ask("GET", "/operations/a").status == 503
    others[0].child.kill()
    until(lambda: others[1].ask("GET", "/operations/a").status == 404)


def test_a_sidecar_that_waits_ends_at_once(
    own_sidecar: Callable[..., Sidecar], second: Second
) -> None:
    first = own_sidecar()
    waiting = second(first)
    waiting.child.process.terminate()
    assert waiting.child.process.wait(20) == 0
    assert waiting.events("started") == []
    assert first.run("say", "alive")["stdout"] == "alive"


def test_a_sidecar_that_waits_changes_nothing_in_the_folder(
    own_sidecar: Callable[..., Sidecar], second: Second, life: Life
) -> None:
    first = own_sidecar()
    first.ask("PUT", "/operations/runs", command("hold", life.path))
    life.begin()
    before = sorted(first.state.rglob("*"))
    second(first)
    assert sorted(first.state.rglob("*")) == before
    assert first.ask("GET", "/operations/runs").body["state"] == "running"


def test_a_state_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    ended = end_of({"EXEC_STATE_DIR": str(tmp_path / "state")})
    assert ended.returncode == 1
    assert ended.stderr == f"cannot use {tmp_path}/state (EXEC_STATE_DIR): File exists\n"


def test_a_lock_that_was_replaced_while_it_was_waited_for_is_not_taken_for_the_folder(
    own_sidecar: Callable[..., Sidecar], second: Second
) -> None:
    """Somebody removed the folder, and a third sidecar began a new one."""
    first = own_sidecar()
    waiting = second(first)
    (first.state / "lock").unlink()
    third = second(first)
    assert not third.ask("GET", "/healthz").body["waiting"]
    first.child.kill()
    assert waiting.ask("GET", "/healthz").body["waiting"]
    third.child.kill()
    until(lambda: not waiting.ask("GET", "/healthz").body["waiting"])
