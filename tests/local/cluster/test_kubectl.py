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


def _create(cluster: ClusterFixture, *jobs: object) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": list(jobs)}
    done = kubectl(cluster, "create", "--validate=false", "-f", "-", stdin=json.dumps(listed))
    assert done.returncode == 0, done.stderr


def test_kubectl_lists_jobs_and_pods_in_columns(cluster: ClusterFixture) -> None:
    labels = {"app": "submit", "elb-job-id": "kubectl-lists"}
    _create(cluster, job("columns", "echo found", labels=labels))
    cluster.until_job("columns", has("Complete"))
    chosen = "app in (blast,submit),elb-job-id=kubectl-lists"
    jobs = kubectl(cluster, "get", "jobs", "-l", chosen).stdout.splitlines()
    assert jobs[0].split() == ["NAME", "STATUS", "COMPLETIONS", "DURATION", "AGE"]
    assert jobs[1].split()[:3] == ["columns", "Complete", "1/1"]
    pods = kubectl(cluster, "get", "pods", "-l", chosen).stdout.splitlines()
    assert pods[0].split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert pods[1].split()[1:4] == ["0/1", "Completed", "0"]
    assert kubectl(cluster, "logs", "job/columns").stdout == "found\n"


def test_kubectl_gets_a_job_as_yaml_and_jsonpath(cluster: ClusterFixture) -> None:
    _create(cluster, job("shown", suspend=True))
    assert "kind: Job" in kubectl(cluster, "get", "job", "shown", "-o", "yaml").stdout
    path = "jsonpath={.spec.backoffLimit}"
    assert kubectl(cluster, "get", "job", "shown", "-o", path).stdout == "0"


def test_kubectl_deletes_by_label_and_returns(cluster: ClusterFixture) -> None:
    for name in ("gone-1", "gone-10"):
        _create(cluster, job(name, labels={"app": "blast", "elb-job-id": name}))
        cluster.until_pod(name, in_phase("Running"))
    done = kubectl(cluster, "delete", "jobs", "-l", "app in (blast,submit),elb-job-id=gone-1")
    assert done.stdout == 'job.batch "gone-1" deleted\n', done.stderr
    cluster.until_no_pod("gone-1")
    assert cluster.pods("gone-10") != []
    assert kubectl(cluster, "delete", "job", "gone-10", "--cascade=foreground").returncode == 0
    assert cluster.pods("gone-10") == []


def test_kubectl_deletes_a_pod_and_waits_for_its_end(cluster: ClusterFixture) -> None:
    _create(cluster, job("waited", backoffLimit=3))
    pod = cluster.until_pod("waited", in_phase("Running"))["metadata"]["name"]
    assert kubectl(cluster, "delete", "pod", pod).returncode == 0
    assert pod not in [pod["metadata"]["name"] for pod in cluster.pods("waited")]
    cluster.delete("waited")


def test_kubectl_wait_logs_label_and_describe_work(cluster: ClusterFixture) -> None:
    _create(cluster, job("served", "echo one; echo two"))
    waited = kubectl(cluster, "wait", "--for=condition=complete", "job/served", "--timeout=15s")
    assert "condition met" in waited.stdout, waited.stderr
    assert kubectl(cluster, "logs", "-f", "job/served", "--tail=1").stdout == "two\n"
    assert kubectl(cluster, "label", "job", "served", "seen=yes").returncode == 0
    described = kubectl(cluster, "describe", "job", "served")
    assert "Succeeded" in described.stdout, described.stderr
    assert "seen=yes" in described.stdout


def test_kubectl_lists_all_resources(cluster: ClusterFixture) -> None:
    names = kubectl(cluster, "api-resources", "-o", "name").stdout.split()
    assert {"jobs.batch", "pods", "leases.coordination.k8s.io", "namespaces"} <= set(names)


def test_kubectl_shows_why_a_pod_waits(cluster: ClusterFixture) -> None:
    held = {"local.cluster/pending": "ImagePullBackOff"}
    _create(cluster, job("pulling", labels={"app": "pulling"}, annotations=held))
    cluster.until_pod("pulling", lambda pod: "ImagePullBackOff" in json.dumps(pod["status"]))
    assert "ImagePullBackOff" in kubectl(cluster, "get", "pods", "-l", "app=pulling").stdout
    cluster.delete("pulling")


def test_kubectl_works_with_server_and_token_on_an_anonymous_cluster(tmp_path: Path) -> None:
    """kubectl sends a token over TLS only, so this request has no credentials."""
    with running(tmp_path, "--anonymous") as cluster:
        _create(cluster, job("seen", suspend=True, labels={"app": "blast"}))
        command = [KUBECTL, f"--server={cluster.child.url}", "--token=any"]
        argv = [*command, "get", "jobs", "-l", "app in (blast,submit)", "-o", "name"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.stdout == "job.batch/seen\n", done.stderr
