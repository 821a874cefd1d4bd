"""What runs for a Job ends with it, whoever ends it and however it resists."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import urllib3

from local.cluster import process_groups
from tests.local.cluster.cluster_fixture import (
    JOBS,
    PATIENCE,
    TOKEN,
    ClusterFixture,
    container,
    has,
    in_phase,
    is_alive,
    job,
    running,
)

FAMILY = "sh -c 'sleep 600 & echo $!; wait' & echo $!; echo $$$$; wait"
"""Prints the ids of a child, a grandchild and itself, in some order, and keeps running.

In a container's command Kubernetes reads `$$` as one dollar, so a shell's `$$` is written twice.
"""

STUBBORN = "trap '' TERM; echo $$$$; while :; do sleep 600; done"


def _ids(world: ClusterFixture, name: str, lines: int = 3) -> list[int]:
    found = [int(line) for line in world.first_words(name, lines)]
    assert all(is_alive(pid) for pid in found)
    return found


def test_a_deleted_job_leaves_no_process(world: ClusterFixture) -> None:
    world.create(job("family", FAMILY))
    family = _ids(world, "family")
    world.delete("family")
    world.until_no_pod("family")
    assert not any(is_alive(pid) for pid in family)


def test_a_process_that_ignores_sigterm_is_killed_after_its_grace(world: ClusterFixture) -> None:
    world.create(job("stubborn", STUBBORN, pod={"terminationGracePeriodSeconds": 1}))
    (stubborn,) = _ids(world, "stubborn", 1)
    world.delete("stubborn")
    (leaving,) = world.pods("stubborn")
    assert "deletionTimestamp" in leaving["metadata"]
    assert is_alive(stubborn)
    world.until_no_pod("stubborn")
    assert not is_alive(stubborn)


def test_a_pod_that_listens_may_tidy_up_before_it_ends(
    world: ClusterFixture, tmp_path: Path
) -> None:
    tidy = (
        f"trap 'echo tidy > {tmp_path}/said; exit 0' TERM; echo $$$$; while :; do sleep 0.05; done"
    )
    world.create(job("tidy", tidy))
    _ids(world, "tidy", 1)
    world.delete("tidy")
    world.until_no_pod("tidy")
    assert (tmp_path / "said").read_text() == "tidy\n"


def test_a_container_that_ends_takes_what_it_started_with_it(world: ClusterFixture) -> None:
    world.create(job("leaves", "sleep 600 & echo $!"))
    world.until_job("leaves", has("Complete"))
    (pod,) = world.pods("leaves")
    log = world.core.read_namespaced_pod_log(pod["metadata"]["name"], "default")
    assert not is_alive(int(log))


def test_a_foreground_deletion_keeps_the_job_until_its_pod_is_gone(world: ClusterFixture) -> None:
    world.create(job("foreground", STUBBORN, pod={"terminationGracePeriodSeconds": 1}))
    (stubborn,) = _ids(world, "foreground", 1)
    world.delete("foreground", "Foreground")
    assert "deletionTimestamp" in world.job("foreground")["metadata"]
    world.until_job("foreground", lambda _: not is_alive(stubborn))
    world.until_no_pod("foreground")


def test_without_a_policy_a_deleted_job_leaves_its_pods(world: ClusterFixture) -> None:
    world.create(job("orphaning"))
    pod = world.until_pod("orphaning", in_phase("Running"))
    world.delete("orphaning", None)
    (orphan,) = world.pods("orphaning")
    assert "ownerReferences" not in orphan["metadata"]
    assert "deletionTimestamp" not in orphan["metadata"]
    world.core.delete_namespaced_pod(pod["metadata"]["name"], "default")
    world.until_no_pod("orphaning")


def test_no_more_pods_run_than_there_are_cpus_and_they_go_in_turn(tmp_path: Path) -> None:
    count = f"mkdir -p {tmp_path}/in; touch {tmp_path}/in/$HOSTNAME; ls {tmp_path}/in | wc -l"
    command = f"{count}; sleep 0.05; rm {tmp_path}/in/$HOSTNAME"
    names = [f"one-of-many-{number}" for number in range(8)]
    with running(tmp_path, "--cpus", "2") as world:
        for name in names:
            world.create(job(name, command))
        last = world.pods(names[-1])[0]
        assert "0/1 nodes are available: 1 Insufficient cpu." in str(last["status"]["conditions"])
        ended = [world.until_job(name, has("Complete")) for name in names]
        logs = [_log(world, name) for name in names]
    assert max(int(log) for log in logs) == 2
    ends = [its["status"]["completionTime"] for its in ended]
    assert ends == sorted(ends)


def _log(world: ClusterFixture, name: str) -> str:
    (pod,) = world.pods(name)
    return str(world.core.read_namespaced_pod_log(pod["metadata"]["name"], "default"))


def test_pods_share_the_node_by_the_cpus_they_ask_for(tmp_path: Path) -> None:
    small = container("sleep 600", resources={"requests": {"cpu": "500m"}})
    with running(tmp_path, "--cpus", "1") as world:
        for name in ("first", "second", "third"):
            world.create(job(name, pod={"containers": [small]}))
        world.until_pod("second", in_phase("Running"))
        (third,) = world.pods("third")
        assert "nodeName" not in third["spec"]
        world.delete("first")
        world.until_pod("third", in_phase("Running"))


def test_a_stopped_cluster_leaves_no_process(tmp_path: Path) -> None:
    with running(tmp_path) as world:
        world.create(job("family", FAMILY))
        family = _ids(world, "family")
    assert world.child.process.returncode == 0
    assert not any(is_alive(pid) for pid in family)


def test_after_a_kill_the_same_records_are_there_and_nothing_runs_twice(tmp_path: Path) -> None:
    with running(tmp_path, "--cpus", "3") as world:
        world.create(job("done", "true"))
        world.create(job("fails", FAMILY))
        world.create(job("resumes", FAMILY, restart="OnFailure", backoffLimit=3))
        world.leases.create_namespaced_lease(
            "default", {"metadata": {"name": "slot"}, "spec": {"holderIdentity": "job-1"}}
        )
        done = world.until_job("done", has("Complete"))
        before = _ids(world, "fails") + _ids(world, "resumes")
        world.child.kill()
        assert all(is_alive(pid) for pid in before)
    with running(tmp_path, "--cpus", "3") as world:
        assert not any(is_alive(pid) for pid in before)
        assert world.job("done") == done
        lease = world.leases.read_namespaced_lease("slot", "default")
        assert lease.spec.holder_identity == "job-1"
        world.until_job("fails", has("Failed"))
        again = world.until_pod("resumes", in_phase("Running"))
        assert again["status"]["containerStatuses"][0]["restartCount"] == 1
        assert "last" in str(again["status"]["containerStatuses"][0])
        world.create(job("new", "true"))
        new = world.until_job("new", has("Complete"))
        versions = [int(its["metadata"]["resourceVersion"]) for its in (done, new)]
        assert versions == sorted(versions)


def test_what_is_deleted_while_the_cluster_starts_again_goes(tmp_path: Path) -> None:
    names = [f"job-{number}" for number in range(12)]
    with running(tmp_path, "--cpus", "12") as world:
        for name in names:
            world.create(job(name, restart="OnFailure", backoffLimit=3))
            world.until_pod(name, in_phase("Running"))
        address = urlsplit(world.child.url)
        world.child.kill()
    with ThreadPoolExecutor(1) as pool:
        deleting = pool.submit(_delete_all_as_soon_as_it_answers, address.geturl())
        with running(tmp_path, "--cpus", "12", "--port", str(address.port)) as world:
            assert deleting.result(PATIENCE) == 200
            for name in names:
                world.until_no_pod(name)


def _delete_all_as_soon_as_it_answers(url: str) -> int:
    often = urllib3.Retry(10_000, backoff_factor=0.001, backoff_max=0.001)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with urllib3.PoolManager(retries=often) as http:
        path = f"{JOBS}?propagationPolicy=Background"
        return http.request("DELETE", url + path, headers=headers).status


def test_a_restart_does_not_kill_a_stranger_that_has_an_old_process_id() -> None:
    stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        its = process_groups.identity(stranger.pid)
        assert its is not None
        assert not process_groups.kill_if_same(f"{its}0")
        assert stranger.poll() is None
        assert process_groups.kill_if_same(its)
        assert stranger.wait(PATIENCE) == -signal.SIGKILL
    finally:
        stranger.kill()
        stranger.wait()


def test_a_process_that_was_never_let_go_ends_with_the_cluster(tmp_path: Path) -> None:
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
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE
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
    assert "cannot be used" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_port_in_use_is_one_sentence(world: ClusterFixture, tmp_path: Path) -> None:
    port = world.child.url.rpartition(":")[2]
    second = _program("--state", str(tmp_path), "--port", port)
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert port in second.stderr


def _program(*options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "local.cluster", "--token", TOKEN, *options],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
