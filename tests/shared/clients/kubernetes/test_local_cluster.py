"""The client against the local cluster, which runs Jobs."""

import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest

from shared.clients.kubernetes import ClusterCredentials, KubernetesCluster
from shared.clients.kubernetes.pods import parse_pod
from tests.local.cluster.cluster_fixture import TOKEN, ClusterFixture, has, in_phase, job, running
from tests.shared.clients.kubernetes.server import provider

NOW = timedelta(0)


@pytest.fixture(scope="module")
def local_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterFixture]:
    with running(tmp_path_factory.mktemp("cluster"), "--cpus", "50") as started:
        yield started


@pytest.fixture
def cluster(local_cluster: ClusterFixture) -> KubernetesCluster:
    credentials = ClusterCredentials(local_cluster.child.url, token=TOKEN)
    return KubernetesCluster(provider(credentials))


def labelled(elb_job_id: str, app: str = "blast") -> dict[str, str]:
    return {"app": app, "elb-job-id": elb_job_id}


@pytest.fixture
def searches() -> tuple[str, str]:
    """Two ids, one of which is a prefix of the other."""
    first_id = f"job-{uuid.uuid4().hex}"
    return first_id, f"{first_id}0"


async def test_r5_each_search_sees_its_own_jobs_in_fresh_and_cached_lists(
    local_cluster: ClusterFixture, cluster: KubernetesCluster, searches: tuple[str, str]
) -> None:
    first_id, second_id = searches
    local_cluster.create(job(f"{first_id}-good", "true", labelled(first_id)))
    local_cluster.create(job(f"{second_id}-bad", "exit 3", labelled(second_id)))
    local_cluster.create(job(f"{first_id}-other", "true", {"app": "web", "elb-job-id": first_id}))
    local_cluster.create(job(f"{first_id}-none", "true", {"app": "blast"}))
    local_cluster.until_job(f"{first_id}-good", has("Complete"))
    local_cluster.until_job(f"{second_id}-bad", has("Failed"))
    for read in (cluster.jobs_of, lambda elb_job_id: cluster.cached_jobs(elb_job_id, NOW)):
        (good,), (bad,) = await read(first_id), await read(second_id)
        assert (good.name, good.app, good.complete, good.failed) == (
            f"{first_id}-good",
            "blast",
            True,
            False,
        )
        assert (bad.name, bad.complete, bad.failed) == (f"{second_id}-bad", False, True)
        assert "BackoffLimitExceeded" in bad.message


async def test_failure_23_a_search_without_jobs_has_none_when_others_failed(
    local_cluster: ClusterFixture, cluster: KubernetesCluster, searches: tuple[str, str]
) -> None:
    first_id, second_id = searches
    local_cluster.create(job(f"{second_id}-bad", "exit 3", labelled(second_id)))
    local_cluster.until_job(f"{second_id}-bad", has("Failed"))
    assert await cluster.jobs_of(first_id) == []
    assert await cluster.cached_jobs(first_id, NOW) == []
    assert await cluster.pods_of(first_id) == []


@pytest.mark.parametrize(
    "reason", ["Unschedulable", "ImagePullBackOff", "CreateContainerConfigError"]
)
async def test_failure_30_a_pending_pod_has_a_reason(
    local_cluster: ClusterFixture,
    cluster: KubernetesCluster,
    searches: tuple[str, str],
    reason: str,
) -> None:
    first_id, _ = searches
    name = f"{first_id}-waits"
    local_cluster.create(
        job(name, "true", labelled(first_id), annotations={"local.cluster/pending": reason})
    )
    local_cluster.until_pod(name, lambda pod: (parse_pod(pod).waiting or "").startswith(reason))
    (pod,) = await cluster.pods_of(first_id)
    assert (pod.app, pod.phase) == ("blast", "Pending")
    assert (pod.waiting or "").startswith(reason)


async def test_failure_30_a_running_pod_has_no_reason(
    local_cluster: ClusterFixture, cluster: KubernetesCluster, searches: tuple[str, str]
) -> None:
    first_id, _ = searches
    local_cluster.create(job(f"{first_id}-runs", "sleep 600", labelled(first_id)))
    local_cluster.until_pod(f"{first_id}-runs", in_phase("Running"))
    (pod,) = await cluster.pods_of(first_id)
    assert (pod.phase, pod.waiting) == ("Running", None)


async def test_r6_and_failure_35_deletion_is_limited_to_apps_and_search_and_idempotent(
    local_cluster: ClusterFixture, cluster: KubernetesCluster, searches: tuple[str, str]
) -> None:
    first_id, second_id = searches
    for search, app in (
        (first_id, "submit"),
        (first_id, "blast"),
        (first_id, "finalizer"),
        (second_id, "blast"),
    ):
        local_cluster.create(job(f"{search}-{app}", "sleep 600", labelled(search, app)))
    local_cluster.until_pod(f"{first_id}-submit", in_phase("Running"))
    for _ in range(2):
        await cluster.delete_jobs(first_id, "submit", "blast")
        assert [left.app for left in await cluster.jobs_of(first_id)] == ["finalizer"]
    assert [left.app for left in await cluster.jobs_of(second_id)] == ["blast"]
    local_cluster.until_no_pod(f"{first_id}-submit")
    assert {pod.app for pod in await cluster.pods_of(first_id)} <= {"blast", "finalizer"}


async def test_failure_27_a_list_of_several_pages_is_whole(
    local_cluster: ClusterFixture,
    cluster: KubernetesCluster,
    searches: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first_id, _ = searches
    monkeypatch.setattr("shared.clients.kubernetes.lists.PAGE", 2)
    for number in range(5):
        local_cluster.create(job(f"{first_id}-{number}", "true", labelled(first_id), suspend=True))
    found = [its.name for its in await cluster.jobs_of(first_id)]
    assert sorted(found) == [f"{first_id}-{number}" for number in range(5)]
    assert len(await cluster.cached_jobs(first_id, NOW)) == 5
