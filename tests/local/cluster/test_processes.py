"""A Job's processes end with it, in every way of ending."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import urllib3

from local.cluster import process_groups
from tests.local.cluster.cluster_fixture import (
    JOBS,
    TIMEOUT_SECONDS,
    TOKEN,
    ClusterFixture,
    container,
    has,
    in_phase,
    is_alive,
    job,
    running,
)

PROCESS_TREE = "sh -c 'sleep 600 & echo $!; wait' & echo $!; echo $$$$; wait"
"""Prints the ids of a child, a grandchild and itself, in some order, and keeps running.

In a container's command Kubernetes turns `$$` into one dollar, so a shell's `$$` is written twice.
"""

STUBBORN = "trap '' TERM; echo $$$$; while :; do sleep 600; done"


def _ids(cluster: ClusterFixture, name: str, lines: int = 3) -> list[int]:
    pids = [int(line) for line in cluster.first_log_lines(name, lines)]
    assert all(is_alive(pid) for pid in pids)
    return pids


def test_a_deleted_job_leaves_no_process(cluster: ClusterFixture) -> None:
    cluster.create(job("process-tree", PROCESS_TREE))
    pids = _ids(cluster, "process-tree")
    cluster.delete("process-tree")
    cluster.until_no_pod("process-tree")
    assert not any(is_alive(pid) for pid in pids)


@pytest.mark.acceptance
def test_a_process_that_ignores_sigterm_is_killed_after_its_grace_period(
    cluster: ClusterFixture,
) -> None:
    cluster.create(job("stubborn", STUBBORN, pod={"terminationGracePeriodSeconds": 1}))
    (stubborn,) = _ids(cluster, "stubborn", 1)
    cluster.delete("stubborn")
    (leaving,) = cluster.pods("stubborn")
    assert "deletionTimestamp" in leaving["metadata"]
    assert is_alive(stubborn)
    cluster.until_no_pod("stubborn")
    assert not is_alive(stubborn)


def test_a_pod_can_clean_up_on_sigterm(cluster: ClusterFixture, tmp_path: Path) -> None:
    trap = f"trap 'echo tidy > {tmp_path}/output; exit 0' TERM"
    tidy = f"{trap}; echo $$$$; while :; do sleep 0.05; done"
    cluster.create(job("tidy", tidy))
    _ids(cluster, "tidy", 1)
    cluster.delete("tidy")
    cluster.until_no_pod("tidy")
    assert (tmp_path / "output").read_text() == "tidy\n"


def test_a_container_that_ends_takes_its_background_processes_with_it(
    cluster: ClusterFixture,
) -> None:
    cluster.create(job("leaves", "sleep 600 & echo $!"))
    cluster.until_job("leaves", has("Complete"))
    (pod,) = cluster.pods("leaves")
    log = cluster.core.read_namespaced_pod_log(pod["metadata"]["name"], "default")
    assert not is_alive(int(log))


@pytest.mark.acceptance
def test_foreground_deletion_keeps_the_job_until_its_pod_is_gone(cluster: ClusterFixture) -> None:
    cluster.create(job("foreground", STUBBORN, pod={"terminationGracePeriodSeconds": 1}))
    (stubborn,) = _ids(cluster, "foreground", 1)
    cluster.delete("foreground", "Foreground")
    assert "deletionTimestamp" in cluster.job("foreground")["metadata"]
    cluster.until_job("foreground", lambda _: not is_alive(stubborn))
    cluster.until_no_pod("foreground")


def test_without_a_policy_a_deleted_job_leaves_its_pods(cluster: ClusterFixture) -> None:
    cluster.create(job("orphaning"))
    pod = cluster.until_pod("orphaning", in_phase("Running"))
    cluster.delete("orphaning", None)
    (orphan,) = cluster.pods("orphaning")
    assert "ownerReferences" not in orphan["metadata"]
    assert "deletionTimestamp" not in orphan["metadata"]
    cluster.core.delete_namespaced_pod(pod["metadata"]["name"], "default")
    cluster.until_no_pod("orphaning")


@pytest.mark.acceptance
def test_pods_run_in_order_and_no_more_than_cpus(tmp_path: Path) -> None:
    count = f"mkdir -p {tmp_path}/in; touch {tmp_path}/in/$HOSTNAME; ls {tmp_path}/in | wc -l"
    command = f"{count}; sleep 0.05; rm {tmp_path}/in/$HOSTNAME"
    names = [f"one-of-many-{number}" for number in range(8)]
    with running(tmp_path, "--cpus", "2") as cluster:
        for name in names:
            cluster.create(job(name, command))
        last = cluster.pods(names[-1])[0]
        assert "0/1 nodes are available: 1 Insufficient cpu." in str(last["status"]["conditions"])
        ended = [cluster.until_job(name, has("Complete")) for name in names]
        logs = [_log(cluster, name) for name in names]
    assert max(int(log) for log in logs) == 2
    ends = [item["status"]["completionTime"] for item in ended]
    assert ends == sorted(ends)


def _log(cluster: ClusterFixture, name: str) -> str:
    (pod,) = cluster.pods(name)
    return str(cluster.core.read_namespaced_pod_log(pod["metadata"]["name"], "default"))


def test_pods_share_the_node_by_their_cpu_requests(tmp_path: Path) -> None:
    small = container("sleep 600", resources={"requests": {"cpu": "500m"}})
    with running(tmp_path, "--cpus", "1") as cluster:
        for name in ("first", "second", "third"):
            cluster.create(job(name, pod={"containers": [small]}))
        cluster.until_pod("second", in_phase("Running"))
        (third,) = cluster.pods("third")
        assert "nodeName" not in third["spec"]
        cluster.delete("first")
        cluster.until_pod("third", in_phase("Running"))


def test_a_stopped_cluster_leaves_no_process(tmp_path: Path) -> None:
    with running(tmp_path) as cluster:
        cluster.create(job("process-tree", PROCESS_TREE))
        pids = _ids(cluster, "process-tree")
    assert cluster.child.process.returncode == 0
    assert not any(is_alive(pid) for pid in pids)


def test_after_a_kill_objects_are_kept_and_nothing_runs_twice(tmp_path: Path) -> None:
    with running(tmp_path, "--cpus", "3") as cluster:
        cluster.create(job("done", "true"))
        cluster.create(job("fails", PROCESS_TREE))
        cluster.create(job("resumes", PROCESS_TREE, restart="OnFailure", backoffLimit=3))
        cluster.leases.create_namespaced_lease(
            "default", {"metadata": {"name": "slot"}, "spec": {"holderIdentity": "job-1"}}
        )
        done = cluster.until_job("done", has("Complete"))
        before = _ids(cluster, "fails") + _ids(cluster, "resumes")
        cluster.child.kill()
        assert all(is_alive(pid) for pid in before)
    with running(tmp_path, "--cpus", "3") as cluster:
        assert not any(is_alive(pid) for pid in before)
        assert cluster.job("done") == done
        lease = cluster.leases.read_namespaced_lease("slot", "default")
        assert lease.spec.holder_identity == "job-1"
        cluster.until_job("fails", has("Failed"))
        again = cluster.until_pod("resumes", in_phase("Running"))
        assert again["status"]["containerStatuses"][0]["restartCount"] == 1
        assert "last" in str(again["status"]["containerStatuses"][0])
        cluster.create(job("new", "true"))
        new = cluster.until_job("new", has("Complete"))
        versions = [int(item["metadata"]["resourceVersion"]) for item in (done, new)]
        assert versions == sorted(versions)


@pytest.mark.acceptance
def test_a_deletion_during_restart_takes_effect(tmp_path: Path) -> None:
    names = [f"job-{number}" for number in range(12)]
    with running(tmp_path, "--cpus", "12") as cluster:
        for name in names:
            cluster.create(job(name, restart="OnFailure", backoffLimit=3))
            cluster.until_pod(name, in_phase("Running"))
        address = urlsplit(cluster.child.url)
        cluster.child.kill()
    with ThreadPoolExecutor(1) as pool:
        deleting = pool.submit(_delete_all_as_soon_as_served, address.geturl())
        with running(tmp_path, "--cpus", "12", "--port", str(address.port)) as cluster:
            assert deleting.result(TIMEOUT_SECONDS) == 200
            for name in names:
                cluster.until_no_pod(name)


def _delete_all_as_soon_as_served(url: str) -> int:
    often = urllib3.Retry(10_000, backoff_factor=0.001, backoff_max=0.001)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with urllib3.PoolManager(retries=often) as http:
        path = f"{JOBS}?propagationPolicy=Background"
        return http.request("DELETE", url + path, headers=headers).status


def test_a_restart_does_not_kill_another_process_with_a_reused_pid() -> None:
    stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        identity = process_groups.identity(stranger.pid)
        assert identity is not None
        assert not process_groups.kill_if_same(f"{identity}0")
        assert stranger.poll() is None
        assert process_groups.kill_if_same(identity)
        assert stranger.wait(TIMEOUT_SECONDS) == -signal.SIGKILL
    finally:
        stranger.kill()
        stranger.wait()


def test_a_held_process_ends_with_the_cluster(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log")
    reader = os.open(tmp_path / "log", os.O_RDONLY | os.O_NONBLOCK)
    script = f"""
import asyncio, os
from pathlib import Path
from local.cluster import process_groups
async def main():
    here = Path({str(tmp_path)!r})
    await process_groups.spawn(["touch", "ran"], {{"PATH": "/usr/bin:/bin"}}, here, here / "log")
    os._exit(9)
asyncio.run(main())
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=TIMEOUT_SECONDS
    )
    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b""  # its output ends when it does
    os.close(reader)
    assert ended.returncode == 9
    assert not (tmp_path / "ran").exists()


def test_two_clusters_cannot_share_a_state(tmp_path: Path) -> None:
    with running(tmp_path):
        second = _program("--state", str(tmp_path / "state"))
    assert second.returncode == 1
    assert "is in use by another cluster" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_port_in_use_is_reported_in_one_line(cluster: ClusterFixture, tmp_path: Path) -> None:
    port = cluster.child.url.rpartition(":")[2]
    second = _program("--state", str(tmp_path), "--port", port)
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert port in second.stderr


def _program(*options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "local.cluster", "--token", TOKEN, *options],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
