"""The submit slot, on a cluster that compares and swaps: never two holders, never for ever."""

import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.clients.kubernetes import (
    ClusterCredentials,
    CredentialProvider,
    KubernetesCluster,
    LeaseState,
)
from shared.clients.kubernetes.submit_lease import NAME
from tests.local.cluster.cluster_fixture import TOKEN, ClusterFixture, running
from tests.shared.clients.kubernetes.server import Heard, Reply, Server, status
from tests.support.samples import NOON

Json = dict[str, Any]

NO_LEASE = status(404, "NotFound", kind="leases", name=NAME)


@dataclass
class Clock:
    now: datetime = NOON
    monotonic: float = 0.0

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.monotonic += seconds


@dataclass
class Program:
    """One who submits, with a clock of its own; several share one cluster."""

    world: ClusterFixture
    clock: Clock = field(default_factory=Clock)
    name: str = field(default_factory=lambda: f"job-{uuid.uuid4().hex}")

    def __post_init__(self) -> None:
        access = ClusterCredentials(self.world.child.url, token=TOKEN)
        self.cluster = KubernetesCluster(
            CredentialProvider(lambda: access),
            now=lambda: self.clock.now,
            monotonic=lambda: self.clock.monotonic,
        )

    def takes(self) -> LeaseState:
        return self.cluster.acquire_submit_lease(self.name)

    def frees(self) -> None:
        self.cluster.release_submit_lease(self.name)


@pytest.fixture(scope="module")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterFixture]:
    with running(tmp_path_factory.mktemp("slots")) as started:
        yield started


@pytest.fixture
def world(_world: ClusterFixture) -> ClusterFixture:
    """A cluster without the Lease."""
    _world.leases.delete_collection_namespaced_lease("default", _preload_content=False)
    return _world


def spec(world: ClusterFixture) -> Json:
    return lease(world)["spec"]  # type: ignore[no-any-return]


def lease(world: ClusterFixture) -> Json:
    reply = world.leases.read_namespaced_lease(NAME, "default", _preload_content=False)
    return dict(reply.json())


def another_program_writes(world: ClusterFixture, **its: Any) -> None:
    body = {"metadata": {"name": NAME, "labels": {"made-by": "another"}}, "spec": its}
    world.leases.create_namespaced_lease("default", body, _preload_content=False)


def test_failure_9_the_lease_has_one_holder_until_it_is_released(world: ClusterFixture) -> None:
    one, two = Program(world), Program(world)
    assert one.takes() == LeaseState(True, one.name, NOON)
    assert spec(world) == {
        "holderIdentity": one.name,
        "leaseDurationSeconds": 900,
        "acquireTime": "2026-11-23T12:00:00.000000Z",
        "renewTime": "2026-11-23T12:00:00.000000Z",
        "leaseTransitions": 0,
    }
    assert two.takes() == LeaseState(False, one.name, NOON)
    one.frees()
    assert spec(world)["holderIdentity"] == ""
    two.clock.passes(1)
    assert two.takes() == LeaseState(True, two.name, NOON + timedelta(seconds=1))
    assert spec(world)["leaseTransitions"] == 1


def test_failure_9_acquiring_again_renews_only_when_due(world: ClusterFixture) -> None:
    one = Program(world)
    one.takes()
    before = lease(world)["metadata"]["resourceVersion"]
    one.clock.passes(299)
    assert one.takes() == LeaseState(True, one.name, NOON)
    assert lease(world)["metadata"]["resourceVersion"] == before
    one.clock.passes(1)
    assert one.takes() == LeaseState(True, one.name, NOON)
    assert spec(world)["renewTime"] == "2026-11-23T12:05:00.000000Z"
    assert spec(world)["leaseTransitions"] == 0


def test_failure_9_a_crashed_holder_loses_the_lease_after_it_expires(world: ClusterFixture) -> None:
    dead, heir = Program(world), Program(world)
    dead.takes()
    heir.clock.passes(960)  # nobody has watched it; the clocks may differ by a minute
    assert heir.takes() == LeaseState(False, dead.name, NOON)
    heir.clock.passes(1)
    assert heir.takes().is_held
    assert (spec(world)["holderIdentity"], spec(world)["leaseTransitions"]) == (heir.name, 1)
    assert dead.takes().holder == heir.name


def test_failure_37_a_lease_from_the_future_expires_by_observation(
    world: ClusterFixture,
) -> None:
    ahead, heir = Program(world, Clock(NOON + timedelta(days=400))), Program(world)
    ahead.takes()
    assert not heir.takes().is_held
    heir.clock.passes(899)
    assert not heir.takes().is_held
    heir.clock.passes(1)
    assert heir.takes().is_held


def test_failure_37_a_holder_with_a_clock_ahead_keeps_a_renewed_lease(
    world: ClusterFixture,
) -> None:
    ahead, other = Program(world, Clock(NOON + timedelta(days=400))), Program(world)
    ahead.takes()
    for _ in range(5):
        assert not other.takes().is_held
        for one in (ahead, other):
            one.clock.passes(600)
        assert ahead.takes().is_held


def test_failure_37_a_holder_whose_clock_was_set_back_renews(world: ClusterFixture) -> None:
    one = Program(world)
    one.takes()
    one.clock.now -= timedelta(hours=2)
    assert one.takes().is_held
    assert spec(world)["renewTime"] == "2026-11-23T10:00:00.000000Z"


def test_failure_9_concurrent_acquirers_get_one_holder(world: ClusterFixture) -> None:
    """Once for a Lease that is not there, once for a free one, and once for an expired one."""
    runners = [Program(world) for _ in range(8)]
    for _ in range(3):
        found: list[LeaseState] = []
        start = threading.Barrier(len(runners))

        def run(
            one: Program, start: threading.Barrier = start, out: list[LeaseState] = found
        ) -> None:
            start.wait(10)
            out.append(one.takes())

        threads = [threading.Thread(target=run, args=(one,)) for one in runners]
        for each in threads:
            each.start()
        for each in threads:
            each.join(20)
        winner = spec(world)["holderIdentity"]
        assert [slot.holder for slot in found if slot.is_held] == [winner]
        assert {slot.holder for slot in found} <= {winner, ""}
        for one in runners:
            one.clock.passes(1000)


def test_failure_9_only_the_holder_releases_and_release_is_idempotent(
    world: ClusterFixture,
) -> None:
    one, stranger = Program(world), Program(world)
    stranger.frees()  # there is no Lease
    one.takes()
    before = lease(world)
    stranger.frees()
    assert lease(world) == before
    one.frees()
    freed = lease(world)
    one.frees()
    assert lease(world) == freed


@pytest.mark.parametrize(
    ("its", "after"),
    [
        ({"leaseDurationSeconds": 30, "renewTime": "2026-11-23T12:00:00Z"}, 91),
        ({"leaseDurationSeconds": 30, "renewTime": "2026-11-23T12:00:00.123456Z"}, 91),
        ({"renewTime": "2026-11-23T12:00:00.000000Z"}, 961),
        ({"leaseDurationSeconds": 2000, "acquireTime": "2026-11-23T12:00:00Z"}, 2061),
        ({"leaseDurationSeconds": 30}, None),
    ],
)
def test_failure_9_the_duration_of_another_programs_lease_is_honoured(
    world: ClusterFixture, its: Json, after: float | None
) -> None:
    another_program_writes(world, holderIdentity="another", **its)
    late = Program(world)
    if after is None:  # it says no time: it is watched
        assert late.takes().holder == "another"
        after = 30
    else:
        late.clock.now += timedelta(seconds=after - 1)
        assert late.takes().holder == "another"
        late.clock.now += timedelta(seconds=1)
        after = 0
    late.clock.passes(after)
    assert late.takes().is_held
    assert lease(world)["metadata"]["labels"] == {"made-by": "another"}


def test_failure_9_an_acquisition_whose_response_was_lost_is_held(
    server: Server, cluster: KubernetesCluster
) -> None:
    stored: list[Json] = []

    def lose_the_answer(heard: Heard) -> Reply:
        if heard.method == "GET":
            return Reply(body=stored[0]) if stored else NO_LEASE
        if stored:
            return status(409, "AlreadyExists")
        its = {"holderIdentity": "job-1", "acquireTime": "2026-11-23T12:00:00.000000Z"}
        stored.append({"metadata": {"name": NAME, "resourceVersion": "1"}, "spec": its})
        return Reply(closes=True)

    server.manner = lose_the_answer
    assert cluster.acquire_submit_lease("job-1") == LeaseState(True, "job-1", NOON)


def test_failure_9_a_lease_deleted_during_acquisition_is_not_held(
    server: Server, cluster: KubernetesCluster
) -> None:
    asked: list[str] = []
    there = {"metadata": {"name": NAME, "resourceVersion": "1"}, "spec": {"holderIdentity": ""}}

    def vanish(heard: Heard) -> Reply:
        asked.append(heard.method)
        return Reply(body=there) if len(asked) == 1 else NO_LEASE

    server.manner = vanish
    assert cluster.acquire_submit_lease("job-1") == LeaseState(False, "", None)
    assert asked == ["GET", "PUT", "GET"]


def test_a_release_whose_response_was_lost_counts_as_released(
    server: Server, cluster: KubernetesCluster
) -> None:
    """So that the next one is called, all the same."""
    spec = {"holderIdentity": "job-1"}

    def lose_the_answer(heard: Heard) -> Reply:
        lease = {"metadata": {"name": NAME, "resourceVersion": "1"}, "spec": dict(spec)}
        if heard.method == "GET":
            return Reply(body=lease)
        spec["holderIdentity"] = ""
        return Reply(closes=True)

    server.manner = lose_the_answer
    assert cluster.release_submit_lease("job-1")
    assert not cluster.release_submit_lease("job-1")
