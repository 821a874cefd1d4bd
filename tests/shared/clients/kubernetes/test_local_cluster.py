"""The same client against a cluster that runs Jobs."""

import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest

from shared.clients.kubernetes import ClusterCredentials, CredentialProvider, KubernetesCluster
from shared.clients.kubernetes.pods import parse_pod
from tests.local.cluster.cluster_fixture import TOKEN, ClusterFixture, has, in_phase, job, running

NOW = timedelta(0)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterFixture]:
    with running(tmp_path_factory.mktemp("cluster"), "--cpus", "50") as started:
        yield started


@pytest.fixture
def cluster(world: ClusterFixture) -> KubernetesCluster:
    access = ClusterCredentials(world.child.url, token=TOKEN)
    return KubernetesCluster(CredentialProvider(lambda: access))


def labelled(elb_job_id: str, app: str = "blast") -> dict[str, str]:
    return {"app": app, "elb-job-id": elb_job_id}


@pytest.fixture
def searches() -> tuple[str, str]:
    """Two ids of which one begins with the other."""
    text = f"job-{uuid.uuid4().hex}"
    return text, f"{text}0"


def test_r5_each_search_sees_its_own_jobs_in_fresh_and_cached_lists(
    world: ClusterFixture, cluster: KubernetesCluster, searches: tuple[str, str]
) -> None:
    text, ten = searches
    world.create(job(f"{text}-good", "true", labelled(text)))
    world.create(job(f"{ten}-bad", "exit 3", labelled(ten)))
    world.create(job(f"{text}-other", "true", {"app": "web", "elb-job-id": text}))
    world.create(job(f"{text}-none", "true", {"app": "blast"}))
    world.until_job(f"{text}-good", has("Complete"))
    world.until_job(f"{ten}-bad", has("Failed"))
    for ask in (cluster.jobs_of, lambda its: cluster.cached_jobs(its, NOW)):
        (good,), (bad,) = ask(text), ask(ten)
        assert (good.name, good.app, good.complete, good.failed) == (
            f"{text}-good",
            "blast",
            True,
            False,
        )
        assert (bad.name, bad.complete, bad.failed) == (f"{ten}-bad", False, True)
        assert "BackoffLimitExceeded" in bad.message


def test_failure_23_a_search_without_jobs_has_none_when_others_failed(
    world: ClusterFixture, cluster: KubernetesCluster, searches: tuple[str, str]
) -> None:
    text, ten = searches
    world.create(job(f"{ten}-bad", "exit 3", labelled(ten)))
    world.until_job(f"{ten}-bad", has("Failed"))
    assert cluster.jobs_of(text) == []
    assert cluster.cached_jobs(text, NOW) == []
    assert cluster.pods_of(text) == []


@pytest.mark.parametrize("why", ["Unschedulable", "ImagePullBackOff", "CreateContainerConfigError"])
def test_failure_30_a_pending_pod_has_a_reason(
    world: ClusterFixture, cluster: KubernetesCluster, searches: tuple[str, str], why: str
) -> None:
    text, _ = searches
    name = f"{text}-waits"
    world.create(job(name, "true", labelled(text), annotations={"local.cluster/pending": why}))
    world.until_pod(name, lambda pod: (parse_pod(pod).waiting or "").startswith(why))
    (pod,) = cluster.pods_of(text)
    assert (pod.app, pod.phase) == ("blast", "Pending")
    assert (pod.waiting or "").startswith(why)


def test_failure_30_a_running_pod_has_no_reason(
    world: ClusterFixture, cluster: KubernetesCluster, searches: tuple[str, str]
) -> None:
    text, _ = searches
    world.create(job(f"{text}-runs", "sleep 600", labelled(text)))
    world.until_pod(f"{text}-runs", in_phase("Running"))
    (pod,) = cluster.pods_of(text)
    assert (pod.phase, pod.waiting) == ("Running", None)


def test_r6_and_failure_35_deletion_is_limited_to_apps_and_search_and_idempotent(
    world: ClusterFixture, cluster: KubernetesCluster, searches: tuple[str, str]
) -> None:
    text, ten = searches
    for search, app in ((text, "submit"), (text, "blast"), (text, "finalizer"), (ten, "blast")):
        world.create(job(f"{search}-{app}", "sleep 600", labelled(search, app)))
    world.until_pod(f"{text}-submit", in_phase("Running"))
    for _ in range(2):
        cluster.delete_jobs(text, "submit", "blast")
        assert [left.app for left in cluster.jobs_of(text)] == ["finalizer"]
    assert [left.app for left in cluster.jobs_of(ten)] == ["blast"]
    world.until_no_pod(f"{text}-submit")
    assert {pod.app for pod in cluster.pods_of(text)} <= {"blast", "finalizer"}


def test_failure_27_a_list_of_several_pages_is_whole(
    world: ClusterFixture,
    cluster: KubernetesCluster,
    searches: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text, _ = searches
    monkeypatch.setattr("shared.clients.kubernetes.lists.PAGE", 2)
    for number in range(5):
        world.create(job(f"{text}-{number}", "true", labelled(text), suspend=True))
    found = [its.name for its in cluster.jobs_of(text)]
    assert sorted(found) == [f"{text}-{number}" for number in range(5)]
    assert len(cluster.cached_jobs(text, NOW)) == 5
