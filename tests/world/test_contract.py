"""One suite over the small world and over the real clients: the fakes keep the same contracts."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest

from activities.outside import Cluster, Sidecar
from shared.clients.kubernetes import Access, Reach
from shared.clients.kubernetes import Cluster as RealCluster
from shared.clients.sidecar import Sidecar as RealSidecar
from shared.errors import Unavailable
from shared.exec_results import Command, Finished, Interrupted, Refused, Running, Unreachable
from tests.cluster.world import TOKEN as CLUSTER_TOKEN
from tests.cluster.world import World, has, in_phase, running
from tests.cluster.world import job as kube_job
from tests.jobs.conftest import Clock
from tests.sidecar import world as sidecars
from tests.sidecar.world import Life, until
from tests.world.fakes import FakeCluster, FakeSidecar
from tests.world.scene import Scene
from tests.world.things import KubeJob, Lease, Plan

NOW, LONG = timedelta(0), timedelta(seconds=20)


class ClusterHands(Protocol):
    """What moves a cluster besides its client."""

    def make(self, elb_job_id: str, app: str, ending: str) -> None:
        """A Job that `runs`, has ended `well` or `badly`, or is `unschedulable`."""

    def wait_for(self, happened: Callable[[], object]) -> None: ...

    def passes(self, seconds: float) -> None:
        """Move the clock that the slot goes by."""


@dataclass
class FakeHands:
    scene: Scene

    def make(self, elb_job_id: str, app: str, ending: str) -> None:
        now = self.scene.clock()
        one = KubeJob(f"{app}-{elb_job_id}", app, elb_job_id, now)
        if ending in ("well", "badly"):
            one.finished, one.ends_well = now, ending == "well"
        one.waiting = "Unschedulable: too large" if ending == "unschedulable" else None
        self.scene.world.jobs.append(one)

    def wait_for(self, happened: Callable[[], object]) -> None:
        self.passes(6)
        assert happened()

    def passes(self, seconds: float) -> None:
        self.scene.passes(seconds)


@dataclass
class RealHands:
    world: World
    clock: Clock

    def make(self, elb_job_id: str, app: str, ending: str) -> None:
        name = f"{app}-{elb_job_id}"
        command = {"well": "true", "badly": "exit 3"}.get(ending, "sleep 600")
        labels = {"app": app, "elb-job-id": elb_job_id}
        body = kube_job(name, command, labels)
        if ending == "unschedulable":
            wants = {"requests": {"cpu": "1000"}}
            body["spec"]["template"]["spec"]["containers"][0]["resources"] = wants
        self.world.create(body)
        if ending in ("well", "badly"):
            self.world.until_job(name, has("Complete" if ending == "well" else "Failed"))
        else:
            phase = "Running" if ending == "runs" else "Pending"
            self.world.until_pod(name, in_phase(phase))

    def wait_for(self, happened: Callable[[], object]) -> None:
        until(happened)

    def passes(self, seconds: float) -> None:
        self.clock.move(seconds)


@pytest.fixture(scope="module")
def kubernetes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("cluster"), "--cpus", "50") as started:
        yield started


@pytest.fixture(params=["small world", "real"])
def both(request: pytest.FixtureRequest, scene: Scene) -> tuple[Cluster, ClusterHands]:
    if request.param == "small world":
        return FakeCluster(scene.world), FakeHands(scene)
    kubernetes: World = request.getfixturevalue("kubernetes")
    kubernetes.leases.delete_collection_namespaced_lease("default", _preload_content=False)
    clock = Clock()
    access = Access(kubernetes.child.url, token=CLUSTER_TOKEN)
    return RealCluster(Reach(lambda: access), now=clock), RealHands(kubernetes, clock)


@pytest.fixture
def search() -> str:
    return f"job-{uuid.uuid4().hex}"


def test_r5_a_search_sees_its_own_jobs_and_how_they_ended(
    both: tuple[Cluster, ClusterHands], search: str
) -> None:
    cluster, hands = both
    hands.make(search, "blast", "well")
    hands.make(search, "setup", "badly")
    hands.make(f"{search}0", "blast", "runs")
    asks = (cluster.jobs_of, lambda its: cluster.seen(its, NOW))
    for ask in asks:
        found = {one.app: (one.complete, one.failed, one.active) for one in ask(search)}
        assert found == {"blast": (True, False, 0), "setup": (False, True, 0)}
        (other,) = ask(f"{search}0")
        assert (other.complete, other.failed, other.active) == (False, False, 1)
    (failed,) = (one for one in cluster.jobs_of(search) if one.failed)
    assert failed.message.startswith("BackoffLimitExceeded")


def test_a_snapshot_is_shared_for_as_long_as_was_asked(
    both: tuple[Cluster, ClusterHands], search: str
) -> None:
    cluster, hands = both
    assert cluster.seen(search, NOW) == []
    hands.make(search, "blast", "well")
    assert cluster.seen(search, timedelta(minutes=10)) == []
    hands.passes(0.01)
    assert len(cluster.seen(search, NOW)) == 1


def test_r6_what_is_deleted_is_of_these_apps_and_goes_with_its_pods(
    both: tuple[Cluster, ClusterHands], search: str
) -> None:
    cluster, hands = both
    for app in ("submit", "blast"):
        hands.make(search, app, "runs")
    hands.make(f"{search}0", "blast", "runs")
    cluster.delete_jobs(search, "submit", "setup")
    hands.wait_for(lambda: [one.app for one in cluster.jobs_of(search)] == ["blast"])
    for _ in range(2):
        cluster.delete_jobs(search, "blast", "finalizer")
    hands.wait_for(lambda: not cluster.jobs_of(search) and not cluster.pods_of(search))
    assert len(cluster.pods_of(f"{search}0")) == 1


def test_pods_say_why_they_wait(both: tuple[Cluster, ClusterHands], search: str) -> None:
    cluster, hands = both
    hands.make(search, "blast", "unschedulable")
    hands.make(f"{search}0", "blast", "runs")
    (pod,) = cluster.waiting(search, NOW)
    assert (pod.app, pod.phase) == ("blast", "Pending")
    assert "Unschedulable" in (pod.waiting or "")
    assert cluster.pods_of(search) == [pod]
    assert cluster.waiting(f"{search}0", NOW) == []


def test_failure_9_one_at_a_time_has_the_slot_and_not_for_ever(
    both: tuple[Cluster, ClusterHands],
) -> None:
    cluster, hands = both
    assert cluster.take_slot("one").held
    assert cluster.take_slot("one").held
    busy = cluster.take_slot("two")
    assert (busy.held, busy.holder) == (False, "one")
    assert not cluster.free_slot("two")
    assert not cluster.take_slot("two").held
    assert cluster.free_slot("one")
    assert not cluster.free_slot("one")
    assert cluster.take_slot("two").held
    hands.passes(800)
    assert cluster.take_slot("two").held  # renewed
    hands.passes(800)
    assert not cluster.take_slot("one").held
    hands.passes(161)
    assert cluster.take_slot("one").held


def test_who_only_keeps_the_slot_takes_it_from_nobody(both: tuple[Cluster, ClusterHands]) -> None:
    cluster, hands = both
    assert not cluster.keep_slot("one").held
    assert cluster.take_slot("one").held
    hands.passes(800)
    assert cluster.keep_slot("one").held
    hands.passes(800)
    busy = cluster.keep_slot("two")
    assert (busy.held, busy.holder) == (False, "one")  # renewed
    cluster.free_slot("one")
    free = cluster.keep_slot("two")
    assert (free.held, free.holder) == (False, "")


def test_failure_28_a_cluster_that_does_not_answer_is_unavailable(scene: Scene) -> None:
    scene.world.down.add("cluster")
    access = Access("http://127.0.0.1:1", token="x")
    real = RealCluster(Reach(lambda: access), patience=(1.0, 1.0, 2.0))
    clusters: list[Cluster] = [FakeCluster(scene.world), real]
    for cluster in clusters:
        for ask in (
            cluster.jobs_of,
            cluster.pods_of,
            cluster.take_slot,
            cluster.keep_slot,
            cluster.free_slot,
        ):
            with pytest.raises(Unavailable) as trouble:
                ask("job-1")
            assert trouble.value.code == "cluster_unavailable"


# The sidecar.


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
