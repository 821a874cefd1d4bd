"""One suite over the small world's sidecar and the real client: the fake keeps its contract."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from activities.ports import Sidecar
from shared.clients.kubernetes import DURATION
from shared.clients.sidecar import SidecarClient as RealSidecar
from shared.contracts.exec import (
    Command,
    Finished,
    Health,
    HttpRejection,
    Interrupted,
    OperationRunning,
    Unreachable,
    Untracked,
)
from tests.sidecar import sidecar_fixture as sidecars
from tests.sidecar.sidecar_fixture import CommandPipe
from tests.simulation.fakes import FakeSidecar
from tests.simulation.models import Lease, Plan
from tests.simulation.scene import Scene

NOW, LONG = timedelta(0), timedelta(seconds=20)


@dataclass
class Bench:
    """A sidecar with two commands: one ends at once, one runs until it is stopped."""

    sidecar: Sidecar
    quick: Command
    slow: Command
    begun: Callable[[], None]
    restart: Callable[[], Awaitable[None]]


def fake_bench(scene: Scene) -> Bench:
    def command(name: str) -> Command:
        argv = ("elastic-blast", "submit", "--idempotency-key", name, "--correlation-id", name)
        return Command(argv, "x", timedelta(hours=1))

    scene.environment.lease = Lease("slow", scene.clock(), scene.clock(), DURATION)
    scene.environment.plans["slow"].append(Plan(takes=timedelta(hours=1)))
    sidecar = FakeSidecar(scene.environment)
    return Bench(sidecar, command("quick"), command("slow"), lambda: None, sidecar.restart)


@pytest.fixture(params=["small world", "real"])
def bench(request: pytest.FixtureRequest, scene: Scene, tmp_path: Path) -> Iterator[Bench]:
    if request.param == "small world":
        yield fake_bench(scene)
        return
    real = sidecars.open_sidecar(tmp_path / "sidecar")
    life = CommandPipe(tmp_path)
    quick = Command(("elastic-blast", "say", "{}"), None, timedelta(hours=1))
    slow = Command(("elastic-blast", "hold", life.path), None, timedelta(hours=1))
    client = RealSidecar(real.child.url, lambda: sidecars.TOKEN)

    async def restart() -> None:
        real.child.stop()
        real.restart()
        again = RealSidecar(real.child.url, lambda: sidecars.TOKEN)
        client.__dict__.update(again.__dict__)  # it listens on another port

    yield Bench(client, quick, slow, life.wait_started, restart)
    real.child.stop()


async def instance(sidecar: Sidecar) -> str:
    health = await sidecar.health()
    assert isinstance(health, Health) and health.operations and health.instance
    return health.instance


async def test_failure_47_another_instance_starts_nothing_and_proves_nothing(bench: Bench) -> None:
    other = await bench.sidecar.run_operation("e", bench.quick, LONG, "another")
    assert isinstance(other, HttpRejection) and other.status == 412
    assert isinstance(await bench.sidecar.get_operation("e", NOW, "another"), Untracked)
    assert await bench.sidecar.get_operation("e", NOW, await instance(bench.sidecar)) is None


async def test_an_operation_runs_once_and_keeps_its_result(bench: Bench) -> None:
    its = await instance(bench.sidecar)
    assert await bench.sidecar.get_operation("a", NOW, its) is None
    first = await bench.sidecar.run_operation("a", bench.quick, LONG, its)
    assert isinstance(first, Finished) and first.exit_code == 0
    assert await bench.sidecar.run_operation("a", bench.quick, LONG, its) == first
    assert await bench.sidecar.get_operation("a", NOW, its) == first
    assert await bench.sidecar.stop_operation("a", its) == first


async def test_failure_34_an_operation_that_was_stopped_before_it_began_never_begins(
    bench: Bench,
) -> None:
    its = await instance(bench.sidecar)
    assert await bench.sidecar.stop_operation("d", its) is None
    late = await bench.sidecar.run_operation("d", bench.quick, LONG, its)
    assert isinstance(late, HttpRejection) and late.status == 409
    assert (
        await bench.sidecar.get_operation("d", NOW, its)
        == await bench.sidecar.stop_operation("d", its)
        == Interrupted()
    )


async def test_an_operation_that_runs_can_be_attached_to_and_stopped(bench: Bench) -> None:
    its = await instance(bench.sidecar)
    began = await bench.sidecar.run_operation("b", bench.slow, NOW, its)
    bench.begun()
    assert isinstance(began, OperationRunning)
    assert await bench.sidecar.run_operation("b", bench.slow, NOW, its) == began
    assert await bench.sidecar.get_operation("b", timedelta(milliseconds=10), its) == began
    other = await bench.sidecar.run_operation("b", bench.quick, NOW, its)
    assert isinstance(other, HttpRejection) and other.status == 409
    for _ in range(2):
        ended = await bench.sidecar.stop_operation("b", its)
        assert isinstance(ended, Finished) and ended.exit_code == 143


async def test_a_restart_interrupts_what_runs_and_keeps_what_has_ended(bench: Bench) -> None:
    its = await instance(bench.sidecar)
    ended = await bench.sidecar.run_operation("c", bench.quick, LONG, its)
    await bench.sidecar.run_operation("d", bench.slow, NOW, its)
    bench.begun()
    await bench.restart()
    assert await bench.sidecar.get_operation("c", NOW, its) == ended
    assert await bench.sidecar.get_operation("d", NOW, its) == Interrupted()
    assert await bench.sidecar.run_operation("d", bench.slow, NOW, its) == Interrupted()


async def test_a_sidecar_that_does_not_answer_was_asked_nothing(scene: Scene) -> None:
    scene.environment.down.add("sidecar")
    command = Command(("elastic-blast",), None, LONG)
    nobody: list[Sidecar] = [
        FakeSidecar(scene.environment),
        RealSidecar("http://127.0.0.1:1", lambda: sidecars.TOKEN),
    ]
    for sidecar in nobody:
        for answer in (
            await sidecar.get_operation("a", NOW, "its"),
            await sidecar.stop_operation("a", "its"),
            await sidecar.health(),
            await sidecar.run_operation("a", command, NOW, "its"),
            await sidecar.exec(command),
        ):
            assert isinstance(answer, Unreachable) and not answer.request_sent
