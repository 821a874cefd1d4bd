"""The submit lease on a cluster with compare-and-swap: one holder at most, and expiry."""

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.clients.kubernetes import (
    ClusterCredentials,
    KubernetesCluster,
    LeaseState,
)
from shared.clients.kubernetes.submit_lease import NAME
from tests.local.cluster.cluster_fixture import TOKEN, ClusterFixture, running
from tests.shared.clients.kubernetes.server import Reply, Request, Server, provider, status
from tests.support.samples import NOON

Json = dict[str, Any]

NO_LEASE = status(404, "NotFound", kind="leases", name=NAME)


@dataclass
class Clock:
    now: datetime = NOON
    monotonic: float = 0.0

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.monotonic += seconds


@dataclass
class Submitter:
    """A submitter with its own clock. Several share one cluster."""

    world: ClusterFixture
    clock: Clock = field(default_factory=Clock)
    name: str = field(default_factory=lambda: f"job-{uuid.uuid4().hex}")

    def __post_init__(self) -> None:
        credentials = ClusterCredentials(self.world.child.url, token=TOKEN)
        self.cluster = KubernetesCluster(
            provider(credentials),
            now=lambda: self.clock.now,
            monotonic=lambda: self.clock.monotonic,
        )

    async def acquire(self) -> LeaseState:
        return await self.cluster.acquire_submit_lease(self.name)

    async def release(self) -> None:
        await self.cluster.release_submit_lease(self.name)


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


def create_lease_of_another_program(world: ClusterFixture, **spec: Any) -> None:
    body = {"metadata": {"name": NAME, "labels": {"made-by": "another"}}, "spec": spec}
    world.leases.create_namespaced_lease("default", body, _preload_content=False)


async def test_failure_9_the_lease_has_one_holder_until_it_is_released(
    world: ClusterFixture,
) -> None:
    first, second = Submitter(world), Submitter(world)
    assert await first.acquire() == LeaseState(True, first.name, NOON)
    assert spec(world) == {
        "holderIdentity": first.name,
        "leaseDurationSeconds": 900,
        "acquireTime": "2026-11-23T12:00:00.000000Z",
        "renewTime": "2026-11-23T12:00:00.000000Z",
        "leaseTransitions": 0,
    }
    assert await second.acquire() == LeaseState(False, first.name, NOON)
    await first.release()
    assert spec(world)["holderIdentity"] == ""
    second.clock.advance(1)
    assert await second.acquire() == LeaseState(True, second.name, NOON + timedelta(seconds=1))
    assert spec(world)["leaseTransitions"] == 1


async def test_failure_9_acquiring_again_renews_only_when_due(world: ClusterFixture) -> None:
    holder = Submitter(world)
    await holder.acquire()
    before = lease(world)["metadata"]["resourceVersion"]
    holder.clock.advance(299)
    assert await holder.acquire() == LeaseState(True, holder.name, NOON)
    assert lease(world)["metadata"]["resourceVersion"] == before
    holder.clock.advance(1)
    assert await holder.acquire() == LeaseState(True, holder.name, NOON)
    assert spec(world)["renewTime"] == "2026-11-23T12:05:00.000000Z"
    assert spec(world)["leaseTransitions"] == 0


async def test_failure_9_a_crashed_holder_loses_the_lease_after_it_expires(
    world: ClusterFixture,
) -> None:
    crashed, successor = Submitter(world), Submitter(world)
    await crashed.acquire()
    successor.clock.advance(960)  # this process has not observed it; clocks may differ by a minute
    assert await successor.acquire() == LeaseState(False, crashed.name, NOON)
    successor.clock.advance(1)
    assert (await successor.acquire()).is_held
    assert (spec(world)["holderIdentity"], spec(world)["leaseTransitions"]) == (successor.name, 1)
    assert (await crashed.acquire()).holder == successor.name


async def test_failure_37_a_lease_from_the_future_expires_by_observation(
    world: ClusterFixture,
) -> None:
    ahead, successor = Submitter(world, Clock(NOON + timedelta(days=400))), Submitter(world)
    await ahead.acquire()
    assert not (await successor.acquire()).is_held
    successor.clock.advance(899)
    assert not (await successor.acquire()).is_held
    successor.clock.advance(1)
    assert (await successor.acquire()).is_held


async def test_failure_37_a_holder_with_a_clock_ahead_keeps_a_renewed_lease(
    world: ClusterFixture,
) -> None:
    ahead, other = Submitter(world, Clock(NOON + timedelta(days=400))), Submitter(world)
    await ahead.acquire()
    for _ in range(5):
        assert not (await other.acquire()).is_held
        for submitter in (ahead, other):
            submitter.clock.advance(600)
        assert (await ahead.acquire()).is_held


async def test_failure_37_a_holder_whose_clock_was_set_back_renews(world: ClusterFixture) -> None:
    holder = Submitter(world)
    await holder.acquire()
    holder.clock.now -= timedelta(hours=2)
    assert (await holder.acquire()).is_held
    assert spec(world)["renewTime"] == "2026-11-23T10:00:00.000000Z"


async def test_failure_9_concurrent_acquirers_get_one_holder(world: ClusterFixture) -> None:
    """For a missing Lease, a free one and an expired one."""
    submitters = [Submitter(world) for _ in range(8)]
    for _ in range(3):
        states = await asyncio.gather(*(submitter.acquire() for submitter in submitters))
        winner = spec(world)["holderIdentity"]
        assert [state.holder for state in states if state.is_held] == [winner]
        assert {state.holder for state in states} <= {winner, ""}
        for submitter in submitters:
            submitter.clock.advance(1000)


async def test_failure_9_only_the_holder_releases_and_release_is_idempotent(
    world: ClusterFixture,
) -> None:
    holder, stranger = Submitter(world), Submitter(world)
    await stranger.release()  # there is no Lease
    await holder.acquire()
    before = lease(world)
    await stranger.release()
    assert lease(world) == before
    await holder.release()
    freed = lease(world)
    await holder.release()
    assert lease(world) == freed


@pytest.mark.parametrize(
    ("spec_fields", "expires_after"),
    [
        ({"leaseDurationSeconds": 30, "renewTime": "2026-11-23T12:00:00Z"}, 91),
        ({"leaseDurationSeconds": 30, "renewTime": "2026-11-23T12:00:00.123456Z"}, 91),
        ({"renewTime": "2026-11-23T12:00:00.000000Z"}, 961),
        ({"leaseDurationSeconds": 2000, "acquireTime": "2026-11-23T12:00:00Z"}, 2061),
        ({"leaseDurationSeconds": 30}, None),
    ],
)
async def test_failure_9_the_duration_of_another_programs_lease_is_honoured(
    world: ClusterFixture, spec_fields: Json, expires_after: float | None
) -> None:
    create_lease_of_another_program(world, holderIdentity="another", **spec_fields)
    late = Submitter(world)
    if expires_after is None:  # without a time it expires by observation
        assert (await late.acquire()).holder == "another"
        expires_after = 30
    else:
        late.clock.now += timedelta(seconds=expires_after - 1)
        assert (await late.acquire()).holder == "another"
        late.clock.now += timedelta(seconds=1)
        expires_after = 0
    late.clock.advance(expires_after)
    assert (await late.acquire()).is_held
    assert lease(world)["metadata"]["labels"] == {"made-by": "another"}


async def test_failure_9_an_acquisition_whose_response_was_lost_is_held(
    server: Server, cluster: KubernetesCluster
) -> None:
    stored: list[Json] = []

    def lose_the_response(request: Request) -> Reply:
        if request.method == "GET":
            return Reply(body=stored[0]) if stored else NO_LEASE
        if request.method == "PUT":  # a renewal, as this Lease is not of this moment
            return Reply(body=stored[0])
        if stored:
            return status(409, "AlreadyExists")
        lease_spec = {"holderIdentity": "job-1", "acquireTime": "2026-11-23T12:00:00.000000Z"}
        stored.append({"metadata": {"name": NAME, "resourceVersion": "1"}, "spec": lease_spec})
        return Reply(closes=True)

    server.manner = lose_the_response
    assert await cluster.acquire_submit_lease("job-1") == LeaseState(True, "job-1", NOON)


async def test_failure_9_a_lease_deleted_during_acquisition_is_not_held(
    server: Server, cluster: KubernetesCluster
) -> None:
    methods: list[str] = []
    free_lease = {
        "metadata": {"name": NAME, "resourceVersion": "1"},
        "spec": {"holderIdentity": ""},
    }

    def vanish(request: Request) -> Reply:
        methods.append(request.method)
        return Reply(body=free_lease) if len(methods) == 1 else NO_LEASE

    server.manner = vanish
    assert await cluster.acquire_submit_lease("job-1") == LeaseState(False, "", None)
    assert methods == ["GET", "PUT", "GET"]


async def test_a_release_whose_response_was_lost_counts_as_released(
    server: Server, cluster: KubernetesCluster
) -> None:
    """So the next submitter is woken in any case."""
    spec = {"holderIdentity": "job-1"}

    def lose_the_response(request: Request) -> Reply:
        lease = {"metadata": {"name": NAME, "resourceVersion": "1"}, "spec": dict(spec)}
        if request.method == "GET":
            return Reply(body=lease)
        spec["holderIdentity"] = ""
        return Reply(closes=True)

    server.manner = lose_the_response
    assert await cluster.release_submit_lease("job-1")
    assert not await cluster.release_submit_lease("job-1")
