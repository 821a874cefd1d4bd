"""One suite over the small world's sidecar and the real client: the fake keeps its contract."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from activities.outside import Sidecar
from shared.clients.sidecar import Sidecar as RealSidecar
from shared.exec_results import Command, Finished, Interrupted, Refused, Running, Unreachable
from tests.sidecar import world as sidecars
from tests.sidecar.world import Life
from tests.world.fakes import FakeSidecar
from tests.world.scene import Scene
from tests.world.things import Lease, Plan

NOW, LONG = timedelta(0), timedelta(seconds=20)


@dataclass
class Bench:
    """A sidecar with two commands: one ends at once, one runs until it is stopped."""

    sidecar: Sidecar
    quick: Command
    slow: Command
    begun: Callable[[], None]
    restart: Callable[[], None]


def fake_bench(scene: Scene) -> Bench:
    def command(name: str) -> Command:
        argv = ("elastic-blast", "submit", "--idempotency-key", name, "--correlation-id", name)
        return Command(argv, "x", timedelta(hours=1))

    scene.world.lease = Lease("slow", scene.clock(), scene.clock())
    scene.world.plans["slow"].append(Plan(takes=timedelta(hours=1)))
    sidecar = FakeSidecar(scene.world)
    return Bench(sidecar, command("quick"), command("slow"), lambda: None, sidecar.restart)


@pytest.fixture(params=["small world", "real"])
def bench(request: pytest.FixtureRequest, scene: Scene, tmp_path: Path) -> Iterator[Bench]:
    if request.param == "small world":
        yield fake_bench(scene)
        return
    real = sidecars.open_sidecar(tmp_path / "sidecar")
    life = Life(tmp_path)
    quick = Command(("elastic-blast", "say", "{}"), None, timedelta(hours=1))
    slow = Command(("elastic-blast", "hold", life.path), None, timedelta(hours=1))
    client = RealSidecar(real.child.url, lambda: sidecars.TOKEN)

    def restart() -> None:
        real.child.stop()
        real.restart()
        again = RealSidecar(real.child.url, lambda: sidecars.TOKEN)
        client.__dict__.update(again.__dict__)  # it listens on another port

    yield Bench(client, quick, slow, life.begin, restart)
    real.child.stop()


def test_an_operation_runs_once_and_keeps_its_result(bench: Bench) -> None:
    assert bench.sidecar.has_operations() is True
    assert bench.sidecar.look("a", NOW) is None
    first = bench.sidecar.run_operation("a", bench.quick, LONG)
    assert isinstance(first, Finished) and first.exit_code == 0
    assert bench.sidecar.run_operation("a", bench.quick, LONG) == first
    assert bench.sidecar.look("a", NOW) == first
    assert bench.sidecar.stop_operation("a") == first


def test_failure_34_an_operation_that_was_stopped_before_it_began_never_begins(
    bench: Bench,
) -> None:
    assert bench.sidecar.stop_operation("d") is None
    late = bench.sidecar.run_operation("d", bench.quick, LONG)
    assert isinstance(late, Refused) and late.status == 409
    assert bench.sidecar.look("d", NOW) == bench.sidecar.stop_operation("d") == Interrupted()


def test_an_operation_that_runs_can_be_attached_to_and_stopped(bench: Bench) -> None:
    began = bench.sidecar.run_operation("b", bench.slow, NOW)
    bench.begun()
    assert isinstance(began, Running)
    assert bench.sidecar.run_operation("b", bench.slow, NOW) == began
    assert bench.sidecar.look("b", timedelta(milliseconds=10)) == began
    other = bench.sidecar.run_operation("b", bench.quick, NOW)
    assert isinstance(other, Refused) and other.status == 409
    for _ in range(2):
        ended = bench.sidecar.stop_operation("b")
        assert isinstance(ended, Finished) and ended.exit_code == 143


def test_a_restart_interrupts_what_runs_and_keeps_what_has_ended(bench: Bench) -> None:
    ended = bench.sidecar.run_operation("c", bench.quick, LONG)
    bench.sidecar.run_operation("d", bench.slow, NOW)
    bench.begun()
    bench.restart()
    assert bench.sidecar.look("c", NOW) == ended
    assert bench.sidecar.look("d", NOW) == Interrupted()
    assert bench.sidecar.run_operation("d", bench.slow, NOW) == Interrupted()


def test_a_sidecar_that_does_not_answer_was_asked_nothing(scene: Scene) -> None:
    scene.world.down.add("sidecar")
    nobody: list[Sidecar] = [
        FakeSidecar(scene.world),
        RealSidecar("http://127.0.0.1:1", lambda: sidecars.TOKEN),
    ]
    for sidecar in nobody:
        for answer in (
            sidecar.look("a", NOW),
            sidecar.stop_operation("a"),
            sidecar.has_operations(),
            sidecar.run_operation("a", Command(("elastic-blast",), None, LONG), NOW),
        ):
            assert isinstance(answer, Unreachable) and not answer.sent
