"""Jobs start, succeed, fail, retry and wait as on a real cluster."""

import json

import pytest

from tests.local.cluster.cluster_fixture import (
    ClusterFixture,
    Json,
    container,
    has,
    holds,
    in_phase,
    job,
)


def _waits_for(pod: Json, reason: str) -> bool:
    states = [item["state"] for item in pod["status"].get("containerStatuses", [])]
    return any(item.get("waiting", {}).get("reason") == reason for item in states)


def _log(cluster: ClusterFixture, pod: Json, **words: object) -> str:
    return str(cluster.core.read_namespaced_pod_log(pod["metadata"]["name"], "default", **words))


def test_a_job_whose_command_succeeds_completes(cluster: ClusterFixture) -> None:
    cluster.create(job("succeeds", "echo out; echo err >&2"))
    ended = cluster.until_job("succeeds", has("Complete"))
    assert ended["status"]["succeeded"] == 1
    assert "active" not in ended["status"] and "failed" not in ended["status"]
    assert ended["status"]["completionTime"] >= ended["status"]["startTime"]
    (pod,) = cluster.pods("succeeds")
    assert pod["status"]["phase"] == "Succeeded"
    state = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (state["exitCode"], state["reason"]) == (0, "Completed")
    assert sorted(_log(cluster, pod).split()) == ["err", "out"]


def test_a_pod_has_its_jobs_owner_reference_and_labels(cluster: ClusterFixture) -> None:
    made = cluster.create(job("owner", labels={"app": "blast", "elb-job-id": "owned"}))
    pod = cluster.until_pod("owner", in_phase("Running"))
    (owner,) = pod["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == ("Job", made["metadata"]["uid"])
    labels = pod["metadata"]["labels"]
    assert labels["elb-job-id"] == "owned"
    assert labels["batch.kubernetes.io/job-name"] == "owner"
    assert labels["controller-uid"] == made["metadata"]["uid"]
    assert cluster.job("owner")["status"]["ready"] == 1
    cluster.delete("owner")


def test_failed_pods_are_replaced_until_the_backoff_limit(cluster: ClusterFixture) -> None:
    cluster.create(job("never", "exit 3", backoffLimit=2))
    failed = cluster.until_job("never", has("Failed"))
    end = holds(failed, "Failed")
    assert end is not None and end["reason"] == "BackoffLimitExceeded"
    assert failed["status"]["failed"] == 3
    codes = [
        pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"]
        for pod in cluster.pods("never")
    ]
    assert codes == [3, 3, 3]


def test_a_failed_attempt_does_not_fail_the_job(cluster: ClusterFixture) -> None:
    cluster.create(job("first", "exit 1", backoffLimit=6))
    seen = cluster.until_job("first", lambda job: job["status"].get("failed", 0) >= 1)
    assert holds(seen, "Failed") is None
    cluster.delete("first")


def test_containers_restart_in_place_until_the_backoff_limit(cluster: ClusterFixture) -> None:
    cluster.create(
        job("in-place", "echo run >> runs; cat runs; exit 1", None, "OnFailure", backoffLimit=2)
    )
    pod = cluster.until_pod("in-place", lambda pod: _restarts(pod) == 1)
    assert "run\n" in _log(cluster, pod, previous=True)
    failed = cluster.until_job("in-place", has("Failed"))
    assert failed["status"]["failed"] == 1
    cluster.until_no_pod("in-place")


def _restarts(pod: Json) -> int:
    return sum(item["restartCount"] for item in pod["status"].get("containerStatuses", []))


def test_a_container_that_recovers_completes_its_job(cluster: ClusterFixture) -> None:
    command = "if [ -e tried ]; then exit 0; fi; touch tried; exit 1"
    cluster.create(job("recovers", command, None, "OnFailure", backoffLimit=3))
    ended = cluster.until_job("recovers", has("Complete"))
    assert "failed" not in ended["status"]
    (pod,) = cluster.pods("recovers")
    status = pod["status"]["containerStatuses"][0]
    assert status["restartCount"] == 1
    assert status["lastState"] == {} or "terminated" in status["lastState"]


def test_init_containers_run_first_and_in_order(cluster: ClusterFixture) -> None:
    inits = [container("echo a >> order", "one"), container("echo b >> order", "two")]
    mains = [container("cat order", "blast"), container("cat order", "results-export")]
    cluster.create(job("ordered", pod={"initContainers": inits, "containers": mains}))
    cluster.until_job("ordered", has("Complete"))
    (pod,) = cluster.pods("ordered")
    for name in ("blast", "results-export"):
        assert _log(cluster, pod, container=name) == "a\nb\n"


def test_a_failing_init_container_keeps_the_others_from_starting(cluster: ClusterFixture) -> None:
    inits = [container("exit 7", "broken")]
    cluster.create(job("blocked", "echo no", pod={"initContainers": inits}))
    cluster.until_job("blocked", has("Failed"))
    (pod,) = cluster.pods("blocked")
    assert pod["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 7
    assert "waiting" in pod["status"]["containerStatuses"][0]["state"]


def test_the_environment_is_the_containers_own(cluster: ClusterFixture) -> None:
    env = [
        {"name": "BLAST_ELB_JOB_ID", "value": "job-7"},
        {"name": "BOTH", "value": "$(BLAST_ELB_JOB_ID)-$(MISSING)-$$(X)"},
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "APP", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
    ]
    cluster.create(job("env", pod={"containers": [container("env", env=env)]}))
    cluster.until_job("env", has("Complete"))
    (pod,) = cluster.pods("env")
    environment = dict(line.split("=", 1) for line in _log(cluster, pod).splitlines())
    assert environment["BLAST_ELB_JOB_ID"] == "job-7"
    assert environment["BOTH"] == "job-7-$(MISSING)-$(X)"
    assert (environment["POD"], environment["APP"]) == (pod["metadata"]["name"], "blast")
    assert "PYTHONUNBUFFERED" not in environment and "VIRTUAL_ENV" not in environment


def test_variables_in_arguments_are_expanded(cluster: ClusterFixture) -> None:
    command = {"command": ["echo"], "args": ["$(WHO)"], "env": [{"name": "WHO", "value": "me"}]}
    cluster.create(job("args", pod={"containers": [{"name": "main", **command}]}))
    cluster.until_job("args", has("Complete"))
    (pod,) = cluster.pods("args")
    assert _log(cluster, pod) == "me\n"


def test_a_command_that_does_not_exist_fails_with_127(cluster: ClusterFixture) -> None:
    containers = [{"name": "main", "command": ["no-such-program"]}]
    cluster.create(job("missing", pod={"containers": containers}))
    cluster.until_job("missing", has("Failed"))
    (pod,) = cluster.pods("missing")
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 127
    assert "no-such-program" in _log(cluster, pod)


def test_a_missing_working_directory_is_a_start_error(cluster: ClusterFixture) -> None:
    containers = [container("true", workingDir="/no/such/folder")]
    cluster.create(job("nowhere", pod={"containers": containers}))
    cluster.until_job("nowhere", has("Failed"))
    (pod,) = cluster.pods("nowhere")
    ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("StartError", 128)


def test_a_container_without_a_command_stays_waiting_with_a_reason(cluster: ClusterFixture) -> None:
    cluster.create(job("image", pod={"containers": [{"name": "main", "image": "ncbi/elb"}]}))
    pod = cluster.until_pod("image", lambda pod: _waits_for(pod, "ErrImagePull"))
    message = pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"]
    assert "ncbi/elb" in message and "command" in message
    cluster.delete("image")
    cluster.until_no_pod("image")


@pytest.mark.parametrize("reason", ["ImagePullBackOff", "CreateContainerConfigError"])
def test_a_held_pod_waits_with_the_annotated_reason(cluster: ClusterFixture, reason: str) -> None:
    name = f"held-{reason.lower()}"
    cluster.create(job(name, "true", annotations={"local.cluster/pending": reason}))
    pod = cluster.until_pod(name, lambda pod: _waits_for(pod, reason))
    assert pod["status"]["phase"] == "Pending"
    cluster.delete(name)
    cluster.until_no_pod(name)


def test_an_unschedulable_pod_has_the_condition(cluster: ClusterFixture) -> None:
    held = {"local.cluster/pending": "Unschedulable"}
    cluster.create(job("unschedulable", "true", annotations=held))
    (pod,) = cluster.pods("unschedulable")
    condition = next(item for item in pod["status"]["conditions"] if item["type"] == "PodScheduled")
    assert (condition["status"], condition["reason"]) == ("False", "Unschedulable")
    assert condition["message"].startswith("0/1 nodes are available")
    assert cluster.job("unschedulable")["status"]["active"] == 1
    cluster.delete("unschedulable")
    assert cluster.pods("unschedulable") == []


def test_a_pod_larger_than_the_node_is_unschedulable(cluster: ClusterFixture) -> None:
    greedy = container("true", resources={"requests": {"cpu": "100001m"}})
    cluster.create(job("greedy", pod={"containers": [greedy]}))
    (pod,) = cluster.pods("greedy")
    assert "Insufficient cpu" in json.dumps(pod["status"]["conditions"])
    cluster.delete("greedy")


def test_a_deleted_pod_counts_as_a_failure_and_is_replaced(cluster: ClusterFixture) -> None:
    cluster.create(job("replaced", backoffLimit=1))
    first = cluster.until_pod("replaced", in_phase("Running"))["metadata"]["name"]
    cluster.core.delete_namespaced_pod(first, "default", grace_period_seconds=0)
    second = cluster.until_pod(
        "replaced", lambda pod: pod["metadata"]["name"] != first and in_phase("Running")(pod)
    )
    assert cluster.job("replaced")["status"]["failed"] == 1
    assert second["metadata"]["name"] != first
    cluster.delete("replaced")


def test_a_suspended_job_has_no_pod_until_it_is_resumed(cluster: ClusterFixture) -> None:
    cluster.create(job("sleeper", "true", suspend=True))
    assert holds(cluster.job("sleeper"), "Suspended") is not None
    assert cluster.pods("sleeper") == []
    cluster.batch.patch_namespaced_job("sleeper", "default", {"spec": {"suspend": False}})
    assert holds(cluster.until_job("sleeper", has("Complete")), "Suspended") is None


def test_suspending_a_job_ends_its_pod_without_a_failure(cluster: ClusterFixture) -> None:
    cluster.create(job("paused"))
    cluster.until_pod("paused", in_phase("Running"))
    cluster.batch.patch_namespaced_job("paused", "default", {"spec": {"suspend": True}})
    cluster.until_no_pod("paused")
    status = cluster.job("paused")["status"]
    assert "failed" not in status and "active" not in status
    cluster.delete("paused")
