"""Jobs begin, succeed, fail, are retried and wait as they do on a real cluster."""

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
    states = [its["state"] for its in pod["status"].get("containerStatuses", [])]
    return any(its.get("waiting", {}).get("reason") == reason for its in states)


def _log(world: ClusterFixture, pod: Json, **words: object) -> str:
    return str(world.core.read_namespaced_pod_log(pod["metadata"]["name"], "default", **words))


def test_a_job_whose_command_succeeds_completes(world: ClusterFixture) -> None:
    world.create(job("succeeds", "echo out; echo err >&2"))
    ended = world.until_job("succeeds", has("Complete"))
    assert ended["status"]["succeeded"] == 1
    assert "active" not in ended["status"] and "failed" not in ended["status"]
    assert ended["status"]["completionTime"] >= ended["status"]["startTime"]
    (pod,) = world.pods("succeeds")
    assert pod["status"]["phase"] == "Succeeded"
    state = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (state["exitCode"], state["reason"]) == (0, "Completed")
    assert sorted(_log(world, pod).split()) == ["err", "out"]


def test_a_pod_says_whose_it_is(world: ClusterFixture) -> None:
    made = world.create(job("owner", labels={"app": "blast", "elb-job-id": "owned"}))
    pod = world.until_pod("owner", in_phase("Running"))
    (owner,) = pod["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == ("Job", made["metadata"]["uid"])
    labels = pod["metadata"]["labels"]
    assert labels["elb-job-id"] == "owned"
    assert labels["batch.kubernetes.io/job-name"] == "owner"
    assert labels["controller-uid"] == made["metadata"]["uid"]
    assert world.job("owner")["status"]["ready"] == 1
    world.delete("owner")


def test_failed_pods_are_replaced_until_the_backoff_limit(world: ClusterFixture) -> None:
    world.create(job("never", "exit 3", backoffLimit=2))
    failed = world.until_job("never", has("Failed"))
    end = holds(failed, "Failed")
    assert end is not None and end["reason"] == "BackoffLimitExceeded"
    assert failed["status"]["failed"] == 3
    codes = [
        its["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"]
        for its in world.pods("never")
    ]
    assert codes == [3, 3, 3]


def test_a_failed_attempt_is_not_a_failed_job(world: ClusterFixture) -> None:
    world.create(job("first", "exit 1", backoffLimit=6))
    seen = world.until_job("first", lambda its: its["status"].get("failed", 0) >= 1)
    assert holds(seen, "Failed") is None
    world.delete("first")


def test_containers_restart_in_place_until_the_backoff_limit(world: ClusterFixture) -> None:
    world.create(
        job("in-place", "echo run >> runs; cat runs; exit 1", None, "OnFailure", backoffLimit=2)
    )
    pod = world.until_pod("in-place", lambda its: _restarts(its) == 1)
    assert "run\n" in _log(world, pod, previous=True)
    failed = world.until_job("in-place", has("Failed"))
    assert failed["status"]["failed"] == 1
    world.until_no_pod("in-place")


def _restarts(pod: Json) -> int:
    return sum(its["restartCount"] for its in pod["status"].get("containerStatuses", []))


def test_a_container_that_recovers_completes_its_job(world: ClusterFixture) -> None:
    command = "if [ -e tried ]; then exit 0; fi; touch tried; exit 1"
    world.create(job("recovers", command, None, "OnFailure", backoffLimit=3))
    ended = world.until_job("recovers", has("Complete"))
    assert "failed" not in ended["status"]
    (pod,) = world.pods("recovers")
    status = pod["status"]["containerStatuses"][0]
    assert status["restartCount"] == 1
    assert status["lastState"] == {} or "terminated" in status["lastState"]


def test_init_containers_run_first_and_in_order(world: ClusterFixture) -> None:
    inits = [container("echo a >> said", "one"), container("echo b >> said", "two")]
    mains = [container("cat said", "blast"), container("cat said", "results-export")]
    world.create(job("ordered", pod={"initContainers": inits, "containers": mains}))
    world.until_job("ordered", has("Complete"))
    (pod,) = world.pods("ordered")
    for name in ("blast", "results-export"):
        assert _log(world, pod, container=name) == "a\nb\n"


def test_a_failing_init_container_keeps_the_others_from_starting(world: ClusterFixture) -> None:
    inits = [container("exit 7", "broken")]
    world.create(job("blocked", "echo no", pod={"initContainers": inits}))
    world.until_job("blocked", has("Failed"))
    (pod,) = world.pods("blocked")
    assert pod["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 7
    assert "waiting" in pod["status"]["containerStatuses"][0]["state"]


def test_the_environment_is_the_containers_own(world: ClusterFixture) -> None:
    env = [
        {"name": "BLAST_ELB_JOB_ID", "value": "job-7"},
        {"name": "BOTH", "value": "$(BLAST_ELB_JOB_ID)-$(MISSING)-$$(X)"},
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "APP", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
    ]
    world.create(job("env", pod={"containers": [container("env", env=env)]}))
    world.until_job("env", has("Complete"))
    (pod,) = world.pods("env")
    told = dict(line.split("=", 1) for line in _log(world, pod).splitlines())
    assert told["BLAST_ELB_JOB_ID"] == "job-7"
    assert told["BOTH"] == "job-7-$(MISSING)-$(X)"
    assert (told["POD"], told["APP"]) == (pod["metadata"]["name"], "blast")
    assert "PYTHONUNBUFFERED" not in told and "VIRTUAL_ENV" not in told


def test_arguments_may_name_variables(world: ClusterFixture) -> None:
    said = {"command": ["echo"], "args": ["$(WHO)"], "env": [{"name": "WHO", "value": "me"}]}
    world.create(job("args", pod={"containers": [{"name": "main", **said}]}))
    world.until_job("args", has("Complete"))
    (pod,) = world.pods("args")
    assert _log(world, pod) == "me\n"


def test_a_command_that_does_not_exist_fails_with_127(world: ClusterFixture) -> None:
    said = [{"name": "main", "command": ["no-such-program"]}]
    world.create(job("missing", pod={"containers": said}))
    world.until_job("missing", has("Failed"))
    (pod,) = world.pods("missing")
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 127
    assert "no-such-program" in _log(world, pod)


def test_a_folder_that_does_not_exist_is_a_start_error(world: ClusterFixture) -> None:
    said = [container("true", workingDir="/no/such/folder")]
    world.create(job("nowhere", pod={"containers": said}))
    world.until_job("nowhere", has("Failed"))
    (pod,) = world.pods("nowhere")
    ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("StartError", 128)


def test_an_image_alone_cannot_run_and_says_so(world: ClusterFixture) -> None:
    world.create(job("image", pod={"containers": [{"name": "main", "image": "ncbi/elb"}]}))
    pod = world.until_pod("image", lambda its: _waits_for(its, "ErrImagePull"))
    message = pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"]
    assert "ncbi/elb" in message and "command" in message
    world.delete("image")
    world.until_no_pod("image")


@pytest.mark.parametrize("reason", ["ImagePullBackOff", "CreateContainerConfigError"])
def test_a_held_pod_waits_with_the_reason_it_is_held_for(
    world: ClusterFixture, reason: str
) -> None:
    name = f"held-{reason.lower()}"
    world.create(job(name, "true", annotations={"local.cluster/pending": reason}))
    pod = world.until_pod(name, lambda its: _waits_for(its, reason))
    assert pod["status"]["phase"] == "Pending"
    world.delete(name)
    world.until_no_pod(name)


def test_an_unschedulable_pod_says_so_in_its_condition(world: ClusterFixture) -> None:
    held = {"local.cluster/pending": "Unschedulable"}
    world.create(job("unschedulable", "true", annotations=held))
    (pod,) = world.pods("unschedulable")
    condition = next(its for its in pod["status"]["conditions"] if its["type"] == "PodScheduled")
    assert (condition["status"], condition["reason"]) == ("False", "Unschedulable")
    assert condition["message"].startswith("0/1 nodes are available")
    assert world.job("unschedulable")["status"]["active"] == 1
    world.delete("unschedulable")
    assert world.pods("unschedulable") == []


def test_a_pod_that_asks_for_more_than_there_is_is_unschedulable(world: ClusterFixture) -> None:
    greedy = container("true", resources={"requests": {"cpu": "100001m"}})
    world.create(job("greedy", pod={"containers": [greedy]}))
    (pod,) = world.pods("greedy")
    assert "Insufficient cpu" in json.dumps(pod["status"]["conditions"])
    world.delete("greedy")


def test_a_deleted_pod_counts_as_a_failure_and_is_replaced(world: ClusterFixture) -> None:
    world.create(job("replaced", backoffLimit=1))
    first = world.until_pod("replaced", in_phase("Running"))["metadata"]["name"]
    world.core.delete_namespaced_pod(first, "default", grace_period_seconds=0)
    second = world.until_pod(
        "replaced", lambda its: its["metadata"]["name"] != first and in_phase("Running")(its)
    )
    assert world.job("replaced")["status"]["failed"] == 1
    assert second["metadata"]["name"] != first
    world.delete("replaced")


def test_a_suspended_job_has_no_pod_until_it_is_resumed(world: ClusterFixture) -> None:
    world.create(job("sleeper", "true", suspend=True))
    assert holds(world.job("sleeper"), "Suspended") is not None
    assert world.pods("sleeper") == []
    world.batch.patch_namespaced_job("sleeper", "default", {"spec": {"suspend": False}})
    assert holds(world.until_job("sleeper", has("Complete")), "Suspended") is None


def test_suspending_a_job_ends_its_pod_without_a_failure(world: ClusterFixture) -> None:
    world.create(job("paused"))
    world.until_pod("paused", in_phase("Running"))
    world.batch.patch_namespaced_job("paused", "default", {"spec": {"suspend": True}})
    world.until_no_pod("paused")
    status = world.job("paused")["status"]
    assert "failed" not in status and "active" not in status
    world.delete("paused")
