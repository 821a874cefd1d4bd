"""One suite over the small world's cluster and the real client: the fake keeps its contract."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import pytest

from activities.ports import Cluster
from shared.clients.kubernetes import ClusterCredentials
from shared.clients.kubernetes import KubernetesCluster as RealCluster
from shared.errors import Unavailable
from tests.local.cluster.cluster_fixture import TOKEN as CLUSTER_TOKEN
from tests.local.cluster.cluster_fixture import ClusterFixture, has, in_phase, running
from tests.local.cluster.cluster_fixture import job as kube_job
from tests.shared.clients.kubernetes.server import provider
from tests.shared.jobs.conftest import Clock
from tests.sidecar.sidecar_fixture import until
from tests.simulation.fakes import FakeCluster
from tests.simulation.models import KubeJob
from tests.simulation.scene import Scene

NOW = timedelta(0)


class ClusterControl(Protocol):
    """What moves a cluster besides its client."""

    def make(self, elb_job_id: str, app: str, ending: str) -> None:
        """A Job that `runs`, has ended `well` or `badly`, or is `unschedulable`."""

    async def wait_for(self, happened: Callable[[], Awaitable[object]]) -> None: ...

    async def passes(self, seconds: float) -> None:
        """Move the clock that the slot goes by."""


@dataclass
class FakeControl:
    scene: Scene

    def make(self, elb_job_id: str, app: str, ending: str) -> None:
        now = self.scene.clock()
        one = KubeJob(f"{app}-{elb_job_id}", app, elb_job_id, now)
        if ending in ("well", "badly"):
            one.finished, one.ends_well = now, ending == "well"
        one.waiting = "Unschedulable: too large" if ending == "unschedulable" else None
        self.scene.environment.jobs.append(one)

    async def wait_for(self, happened: Callable[[], Awaitable[object]]) -> None:
        await self.passes(6)
        assert await happened()

    async def passes(self, seconds: float) -> None:
        await self.scene.passes(seconds)


@dataclass
class RealControl:
    environment: ClusterFixture
    clock: Clock

    def make(self, elb_job_id: str, app: str, ending: str) -> None:
        name = f"{app}-{elb_job_id}"
        command = {"well": "true", "badly": "exit 3"}.get(ending, "sleep 600")
        labels = {"app": app, "elb-job-id": elb_job_id}
        body = kube_job(name, command, labels)
        if ending == "unschedulable":
            wants = {"requests": {"cpu": "1000"}}
            body["spec"]["template"]["spec"]["containers"][0]["resources"] = wants
        self.environment.create(body)
        if ending in ("well", "badly"):
            self.environment.until_job(name, has("Complete" if ending == "well" else "Failed"))
        else:
            phase = "Running" if ending == "runs" else "Pending"
            self.environment.until_pod(name, in_phase(phase))

    async def wait_for(self, happened: Callable[[], Awaitable[object]]) -> None:
        loop = asyncio.get_running_loop()

        async def ask() -> object:
            return await happened()

        await asyncio.to_thread(
            until, lambda: asyncio.run_coroutine_threadsafe(ask(), loop).result()
        )

    async def passes(self, seconds: float) -> None:
        self.clock.move(seconds)


@pytest.fixture(scope="module")
def kubernetes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterFixture]:
    with running(tmp_path_factory.mktemp("cluster"), "--cpus", "50") as started:
        yield started


@pytest.fixture(params=["small world", "real"])
def both(request: pytest.FixtureRequest, scene: Scene) -> tuple[Cluster, ClusterControl]:
    if request.param == "small world":
        return FakeCluster(scene.environment), FakeControl(scene)
    kubernetes: ClusterFixture = request.getfixturevalue("kubernetes")
    kubernetes.leases.delete_collection_namespaced_lease("default", _preload_content=False)
    clock = Clock()
    access = ClusterCredentials(kubernetes.child.url, token=CLUSTER_TOKEN)
    return RealCluster(provider(access), now=clock), RealControl(kubernetes, clock)


@pytest.fixture
def search() -> str:
    return f"job-{uuid.uuid4().hex}"


async def test_r5_a_search_sees_its_own_jobs_and_how_they_ended(
    both: tuple[Cluster, ClusterControl], search: str
) -> None:
    cluster, control = both
    control.make(search, "blast", "well")
    control.make(search, "setup", "badly")
    control.make(f"{search}0", "blast", "runs")
    asks = (cluster.jobs_of, lambda its: cluster.cached_jobs(its, NOW))
    for ask in asks:
        found = {
            cluster_job.app: (cluster_job.complete, cluster_job.failed, cluster_job.active)
            for cluster_job in await ask(search)
        }
        assert found == {"blast": (True, False, 0), "setup": (False, True, 0)}
        (other,) = await ask(f"{search}0")
        assert (other.complete, other.failed, other.active) == (False, False, 1)
    (failed,) = (cluster_job for cluster_job in await cluster.jobs_of(search) if cluster_job.failed)
    assert failed.message.startswith("BackoffLimitExceeded")


async def test_a_snapshot_is_shared_for_as_long_as_was_asked(
    both: tuple[Cluster, ClusterControl], search: str
) -> None:
    cluster, control = both
    assert await cluster.cached_jobs(search, NOW) == []
    control.make(search, "blast", "well")
    assert await cluster.cached_jobs(search, timedelta(minutes=10)) == []
    await control.passes(0.01)
    assert len(await cluster.cached_jobs(search, NOW)) == 1


async def test_r6_what_is_deleted_is_of_these_apps_and_goes_with_its_pods(
    both: tuple[Cluster, ClusterControl], search: str
) -> None:
    cluster, control = both
    for app in ("submit", "blast"):
        control.make(search, app, "runs")
    control.make(f"{search}0", "blast", "runs")
    await cluster.delete_jobs(search, "submit", "setup")

    async def only_blast() -> bool:
        return [one.app for one in await cluster.jobs_of(search)] == ["blast"]

    await control.wait_for(only_blast)
    for _ in range(2):
        await cluster.delete_jobs(search, "blast", "finalizer")

    async def nothing() -> bool:
        return not await cluster.jobs_of(search) and not await cluster.pods_of(search)

    await control.wait_for(nothing)
    assert len(await cluster.pods_of(f"{search}0")) == 1


async def test_pods_say_why_they_wait(both: tuple[Cluster, ClusterControl], search: str) -> None:
    cluster, control = both
    control.make(search, "blast", "unschedulable")
    control.make(f"{search}0", "blast", "runs")
    (pod,) = await cluster.cached_pending_pods(search, NOW)
    assert (pod.app, pod.phase) == ("blast", "Pending")
    assert "Unschedulable" in (pod.waiting or "")
    assert await cluster.pods_of(search) == [pod]
    assert await cluster.cached_pending_pods(f"{search}0", NOW) == []


async def test_failure_9_one_at_a_time_has_the_slot_and_not_for_ever(
    both: tuple[Cluster, ClusterControl],
) -> None:
    cluster, control = both
    assert (await cluster.acquire_submit_lease("one")).is_held
    assert (await cluster.acquire_submit_lease("one")).is_held
    busy = await cluster.acquire_submit_lease("two")
    assert (busy.is_held, busy.holder) == (False, "one")
    assert not await cluster.release_submit_lease("two")
    assert not (await cluster.acquire_submit_lease("two")).is_held
    assert await cluster.release_submit_lease("one")
    assert not await cluster.release_submit_lease("one")
    assert (await cluster.acquire_submit_lease("two")).is_held
    await control.passes(800)
    assert (await cluster.acquire_submit_lease("two")).is_held  # renewed
    await control.passes(800)
    assert not (await cluster.acquire_submit_lease("one")).is_held
    await control.passes(161)
    assert (await cluster.acquire_submit_lease("one")).is_held


async def test_failure_9_the_slot_lasts_as_long_as_its_holder_needs_it(
    both: tuple[Cluster, ClusterControl],
) -> None:
    cluster, control = both
    assert (await cluster.acquire_submit_lease("one")).is_held
    assert (await cluster.acquire_submit_lease("one", timedelta(seconds=1800))).is_held
    await control.passes(400)
    assert (await cluster.renew_submit_lease("one")).is_held  # does not shorten it
    await control.passes(1300)
    assert not (await cluster.acquire_submit_lease("two")).is_held
    await control.passes(100 + 61)
    assert (await cluster.acquire_submit_lease("two")).is_held


async def test_renewing_the_slot_takes_it_from_no_other_search(
    both: tuple[Cluster, ClusterControl],
) -> None:
    cluster, control = both
    assert not (await cluster.renew_submit_lease("one")).is_held
    assert (await cluster.acquire_submit_lease("one")).is_held
    await control.passes(800)
    assert (await cluster.renew_submit_lease("one")).is_held
    await control.passes(800)
    busy = await cluster.renew_submit_lease("two")
    assert (busy.is_held, busy.holder) == (False, "one")  # renewed
    await cluster.release_submit_lease("one")
    free = await cluster.renew_submit_lease("two")
    assert (free.is_held, free.holder) == (False, "")


async def test_failure_28_a_cluster_that_does_not_answer_is_unavailable(scene: Scene) -> None:
    scene.environment.down.add("cluster")
    access = ClusterCredentials("http://127.0.0.1:1", token="x")
    real = RealCluster(provider(access), timeouts=(1.0, 1.0, 2.0))
    clusters: list[Cluster] = [FakeCluster(scene.environment), real]
    for cluster in clusters:
        for ask in (
            cluster.jobs_of,
            cluster.pods_of,
            cluster.acquire_submit_lease,
            cluster.renew_submit_lease,
            cluster.release_submit_lease,
        ):
            with pytest.raises(Unavailable) as trouble:
                await ask("job-1")
            assert trouble.value.code == "cluster_unavailable"
