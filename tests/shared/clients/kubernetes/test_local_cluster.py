"""The same client against a cluster that runs Jobs."""

import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest

from shared.clients.kubernetes import Access, Cluster, Reach
from shared.clients.kubernetes.pods import projected
from tests.local.cluster.cluster_fixture import TOKEN, World, has, in_phase, job, running

NOW = timedelta(0)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("cluster"), "--cpus", "50") as started:
        yield started


@pytest.fixture
def cluster(world: World) -> Cluster:
    access = Access(world.child.url, token=TOKEN)
    return Cluster(Reach(lambda: access))


def labelled(elb_job_id: str, app: str = "blast") -> dict[str, str]:
    return {"app": app, "elb-job-id": elb_job_id}


@pytest.fixture
def searches() -> tuple[str, str]:
    """Two ids of which one begins with the other."""
    one = f"job-{uuid.uuid4().hex}"
    return one, f"{one}0"


def test_r5_each_search_sees_its_own_jobs_in_a_list_and_in_the_snapshot(
    world: World, cluster: Cluster, searches: tuple[str, str]
) -> None:
    one, ten = searches
    world.create(job(f"{one}-good", "true", labelled(one)))
    world.create(job(f"{ten}-bad", "exit 3", labelled(ten)))
    world.create(job(f"{one}-other", "true", {"app": "web", "elb-job-id": one}))
    world.create(job(f"{one}-none", "true", {"app": "blast"}))
    world.until_job(f"{one}-good", has("Complete"))
    world.until_job(f"{ten}-bad", has("Failed"))
    for ask in (cluster.jobs_of, lambda its: cluster.seen(its, NOW)):
        (good,), (bad,) = ask(one), ask(ten)
        assert (good.name, good.app, good.complete, good.failed) == (
            f"{one}-good",
            "blast",
            True,
            False,
        )
        assert (bad.name, bad.complete, bad.failed) == (f"{ten}-bad", False, True)
        assert "BackoffLimitExceeded" in bad.message


def test_failure_23_a_search_without_jobs_has_none_though_others_failed(
    world: World, cluster: Cluster, searches: tuple[str, str]
) -> None:
    one, ten = searches
    world.create(job(f"{ten}-bad", "exit 3", labelled(ten)))
    world.until_job(f"{ten}-bad", has("Failed"))
    assert cluster.jobs_of(one) == []
    assert cluster.seen(one, NOW) == []
    assert cluster.pods_of(one) == []


@pytest.mark.parametrize("why", ["Unschedulable", "ImagePullBackOff", "CreateContainerConfigError"])
def test_failure_30_a_pod_that_waits_for_ever_says_why(
    world: World, cluster: Cluster, searches: tuple[str, str], why: str
) -> None:
    one, _ = searches
    name = f"{one}-waits"
    world.create(job(name, "true", labelled(one), annotations={"local.cluster/pending": why}))
    world.until_pod(name, lambda pod: (projected(pod).waiting or "").startswith(why))
    (pod,) = cluster.pods_of(one)
    assert (pod.app, pod.phase) == ("blast", "Pending")
    assert (pod.waiting or "").startswith(why)


def test_failure_30_a_pod_that_runs_waits_for_nothing(
    world: World, cluster: Cluster, searches: tuple[str, str]
) -> None:
    one, _ = searches
    world.create(job(f"{one}-runs", "sleep 600", labelled(one)))
    world.until_pod(f"{one}-runs", in_phase("Running"))
    (pod,) = cluster.pods_of(one)
    assert (pod.phase, pod.waiting) == ("Running", None)


def test_r6_and_failure_35_deleting_takes_these_apps_of_this_search_and_twice_is_once(
    world: World, cluster: Cluster, searches: tuple[str, str]
) -> None:
    one, ten = searches
    for search, app in ((one, "submit"), (one, "blast"), (one, "finalizer"), (ten, "blast")):
        world.create(job(f"{search}-{app}", "sleep 600", labelled(search, app)))
    world.until_pod(f"{one}-submit", in_phase("Running"))
    for _ in range(2):
        cluster.delete_jobs(one, "submit", "blast")
        assert [left.app for left in cluster.jobs_of(one)] == ["finalizer"]
    assert [left.app for left in cluster.jobs_of(ten)] == ["blast"]
    world.until_no_pod(f"{one}-submit")
    assert {pod.app for pod in cluster.pods_of(one)} <= {"blast", "finalizer"}


def test_failure_27_a_list_of_several_pages_is_whole(
    world: World, cluster: Cluster, searches: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = searches
    monkeypatch.setattr("shared.clients.kubernetes.lists.PAGE", 2)
    for number in range(5):
        world.create(job(f"{one}-{number}", "true", labelled(one), suspend=True))
    found = [its.name for its in cluster.jobs_of(one)]
    assert sorted(found) == [f"{one}-{number}" for number in range(5)]
    assert len(cluster.seen(one, NOW)) == 5
