"""The log of a search that ran on the local cluster."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.clients.kubernetes import ClusterCredentials, KubernetesCluster, LogLine
from tests.local.cluster.cluster_fixture import TOKEN, ClusterFixture, container, has, job, running
from tests.shared.clients.kubernetes.server import provider

ID = "job-1"


@pytest.fixture
def local_cluster(tmp_path: Path) -> Iterator[ClusterFixture]:
    with running(tmp_path, "--cpus", "50") as started:
        yield started


async def test_the_log_of_pods_that_ran_on_the_local_cluster(
    local_cluster: ClusterFixture,
) -> None:
    def labelled(app: str) -> dict[str, Any]:
        return {"labels": {"app": app, "elb-job-id": ID}}

    init = {"initContainers": [container("echo fetched", "import")]}
    local_cluster.create(job("good", "echo one; echo two", pod=init, **labelled("blast")))
    local_cluster.create(job(f"bad-{ID}", "echo wrong >&2; exit 3", **labelled("setup")))
    held = {"local.cluster/pending": "Unschedulable"}
    local_cluster.create(job("held", annotations=held, **labelled("blast")))
    local_cluster.until_job("good", has("Complete"))
    local_cluster.until_job(f"bad-{ID}", has("Failed"))
    local_cluster.until_pod("held", lambda pod: bool(pod["status"].get("conditions")))
    credentials = ClusterCredentials(local_cluster.child.url, token=TOKEN)
    cluster = KubernetesCluster(provider(credentials))
    search_log = await cluster.read_log(ID)
    written = [line for line in search_log.lines if line.container]
    assert {(line.app, line.container, line.text) for line in written} == {
        ("blast", "import", "fetched"),
        ("blast", "main", "one"),
        ("blast", "main", "two"),
        ("setup", "main", "wrong"),
    }
    events = [line.text for line in search_log.lines if is_event_of("held", line)]
    assert events[0].startswith("FailedScheduling: 0/1 nodes are available")
    of_jobs = {(line.pod, line.text.split(":")[0]) for line in search_log.lines if is_of_job(line)}
    assert of_jobs == {(f"bad-{ID}", "BackoffLimitExceeded")}
    assert (search_log.notices, search_log.has_pods) == ((), True)
    assert (await cluster.read_log("job-none")).has_pods is False
    await cluster.aclose()


def is_event_of(name: str, line: LogLine) -> bool:
    return line.pod.startswith(name) and not line.container


def is_of_job(line: LogLine) -> bool:
    return line.pod.endswith(ID) and not line.container
