"""The real kubectl works against the cluster."""

import json
import subprocess
from pathlib import Path

from tests.local.cluster.cluster_fixture import (
    KUBECTL,
    ClusterFixture,
    has,
    in_phase,
    job,
    kubectl,
    running,
)


def _create(world: ClusterFixture, *jobs: object) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": list(jobs)}
    done = kubectl(world, "create", "--validate=false", "-f", "-", stdin=json.dumps(listed))
    assert done.returncode == 0, done.stderr


def test_kubectl_lists_jobs_and_pods_in_columns(world: ClusterFixture) -> None:
    labels = {"app": "submit", "elb-job-id": "kubectl-lists"}
    _create(world, job("columns", "echo found", labels=labels))
    world.until_job("columns", has("Complete"))
    chosen = "app in (blast,submit),elb-job-id=kubectl-lists"
    jobs = kubectl(world, "get", "jobs", "-l", chosen).stdout.splitlines()
    assert jobs[0].split() == ["NAME", "STATUS", "COMPLETIONS", "DURATION", "AGE"]
    assert jobs[1].split()[:3] == ["columns", "Complete", "1/1"]
    pods = kubectl(world, "get", "pods", "-l", chosen).stdout.splitlines()
    assert pods[0].split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert pods[1].split()[1:4] == ["0/1", "Completed", "0"]
    assert kubectl(world, "logs", "job/columns").stdout == "found\n"


def test_kubectl_shows_a_job_as_yaml_and_by_path(world: ClusterFixture) -> None:
    _create(world, job("shown", suspend=True))
    assert "kind: Job" in kubectl(world, "get", "job", "shown", "-o", "yaml").stdout
    path = "jsonpath={.spec.backoffLimit}"
    assert kubectl(world, "get", "job", "shown", "-o", path).stdout == "0"


def test_kubectl_deletes_by_label_and_returns(world: ClusterFixture) -> None:
    for name in ("gone-1", "gone-10"):
        _create(world, job(name, labels={"app": "blast", "elb-job-id": name}))
        world.until_pod(name, in_phase("Running"))
    done = kubectl(world, "delete", "jobs", "-l", "app in (blast,submit),elb-job-id=gone-1")
    assert done.stdout == 'job.batch "gone-1" deleted\n', done.stderr
    world.until_no_pod("gone-1")
    assert world.pods("gone-10") != []
    assert kubectl(world, "delete", "job", "gone-10", "--cascade=foreground").returncode == 0
    assert world.pods("gone-10") == []


def test_kubectl_deletes_a_pod_and_waits_for_its_end(world: ClusterFixture) -> None:
    _create(world, job("waited", backoffLimit=3))
    pod = world.until_pod("waited", in_phase("Running"))["metadata"]["name"]
    assert kubectl(world, "delete", "pod", pod).returncode == 0
    assert pod not in [its["metadata"]["name"] for its in world.pods("waited")]
    world.delete("waited")


def test_kubectl_waits_follows_labels_and_describes(world: ClusterFixture) -> None:
    _create(world, job("served", "echo one; echo two"))
    waited = kubectl(world, "wait", "--for=condition=complete", "job/served", "--timeout=15s")
    assert "condition met" in waited.stdout, waited.stderr
    assert kubectl(world, "logs", "-f", "job/served", "--tail=1").stdout == "two\n"
    assert kubectl(world, "label", "job", "served", "seen=yes").returncode == 0
    described = kubectl(world, "describe", "job", "served")
    assert "Succeeded" in described.stdout, described.stderr
    assert "seen=yes" in described.stdout


def test_kubectl_names_every_resource(world: ClusterFixture) -> None:
    names = kubectl(world, "api-resources", "-o", "name").stdout.split()
    assert {"jobs.batch", "pods", "leases.coordination.k8s.io", "namespaces"} <= set(names)


def test_kubectl_says_why_a_pod_waits(world: ClusterFixture) -> None:
    held = {"local.cluster/pending": "ImagePullBackOff"}
    _create(world, job("pulling", labels={"app": "pulling"}, annotations=held))
    world.until_pod("pulling", lambda its: "ImagePullBackOff" in json.dumps(its["status"]))
    assert "ImagePullBackOff" in kubectl(world, "get", "pods", "-l", "app=pulling").stdout
    world.delete("pulling")


def test_server_and_token_alone_serve_a_cluster_that_lets_anybody_in(tmp_path: Path) -> None:
    """kubectl sends a token over TLS only, so that this line comes without any credentials."""
    with running(tmp_path, "--anonymous") as world:
        _create(world, job("seen", suspend=True, labels={"app": "blast"}))
        told = [KUBECTL, f"--server={world.child.url}", "--token=any"]
        asked = [*told, "get", "jobs", "-l", "app in (blast,submit)", "-o", "name"]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=60)
    assert done.stdout == "job.batch/seen\n", done.stderr
