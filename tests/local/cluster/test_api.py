"""The API answers as Kubernetes does: objects by name and selector, and every refusal."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from kubernetes.client import ApiException

from tests.local.cluster.cluster_fixture import (
    JOBS,
    LEASES,
    TOKEN,
    ClusterFixture,
    Json,
    Plain,
    has,
    job,
    lease,
    running,
)


@pytest.mark.parametrize("auth", ["", "Bearer", "Bearer wrong", "Basic x", f"Bearer {TOKEN}x"])
def test_a_wrong_token_is_unauthorized(plain: Plain, auth: str) -> None:
    code, body = plain.ask("GET", JOBS, auth=auth)
    assert (code, body["kind"], body["status"]) == (401, "Status", "Failure")
    assert (body["code"], body["reason"]) == (401, "Unauthorized")


def test_no_token_is_unauthorized_unless_the_cluster_lets_anybody_in(tmp_path: Path) -> None:
    with running(tmp_path, "--anonymous") as world:
        asked = urllib3.request("GET", f"{world.child.url}{JOBS}", timeout=10.0)
        assert asked.status == 200
        assert Plain(world).ask("GET", JOBS, auth="Bearer wrong")[0] == 401


def test_a_request_without_credentials_is_unauthorized(world: ClusterFixture) -> None:
    assert urllib3.request("GET", f"{world.child.url}{JOBS}", timeout=10.0).status == 401


def test_health_needs_no_token(world: ClusterFixture) -> None:
    for path in ("/healthz", "/livez", "/readyz", "/version"):
        assert urllib3.request("GET", world.child.url + path, timeout=10.0).status == 200


def test_the_token_may_come_as_a_password(world: ClusterFixture) -> None:
    told = urllib3.make_headers(basic_auth=f"anybody:{TOKEN}")
    reply = urllib3.request("GET", f"{world.child.url}{JOBS}", headers=told, timeout=10.0)
    assert reply.status == 200


def test_a_name_that_is_taken_is_a_conflict(world: ClusterFixture, plain: Plain) -> None:
    world.create(job("taken", suspend=True))
    code, body = plain.ask("POST", JOBS, job("taken", suspend=True))
    assert (code, body["reason"]) == (409, "AlreadyExists")
    assert body["details"] == {"name": "taken", "group": "batch", "kind": "jobs"}


def test_what_is_not_there_is_not_found(plain: Plain) -> None:
    for method in ("GET", "DELETE"):
        code, body = plain.ask(method, f"{JOBS}/nothing")
        assert (code, body["reason"]) == (404, "NotFound")
        assert body["message"] == 'jobs.batch "nothing" not found'


def test_a_path_or_method_that_is_not_served_has_a_status_body(plain: Plain) -> None:
    assert plain.ask("GET", "/apis/apps/v1/deployments")[1]["reason"] == "NotFound"
    code, body = plain.ask("POST", "/api/v1/namespaces/default/pods", {})
    assert (code, body["reason"]) == (405, "MethodNotAllowed")


def test_a_namespace_must_exist(plain: Plain) -> None:
    there = JOBS.replace("default", "search")
    assert plain.ask("POST", there, job("x", suspend=True))[0] == 404
    assert plain.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "search"}})[0] == 201
    assert plain.ask("POST", there, job("x", suspend=True))[0] == 201
    assert plain.ask("GET", f"{JOBS}/x")[0] == 404
    assert plain.ask("GET", f"{there}/x")[0] == 200


def _broken() -> Iterator[tuple[str, Json]]:
    fine = job("fine")
    spec, pod = fine["spec"], fine["spec"]["template"]["spec"]
    yield "metadata.name", {**fine, "metadata": {"name": "Not_A_Name"}}
    yield "metadata.labels.app", {**fine, "metadata": {"name": "x", "labels": {"app": "a b"}}}
    yield "spec.template", {**fine, "spec": {}}
    yield "spec.backoffLimit", {**fine, "spec": {**spec, "backoffLimit": -1}}
    yield "spec.backoffLimit", {**fine, "spec": {**spec, "backoffLimit": "3"}}
    yield "spec.parallelism", {**fine, "spec": {**spec, "parallelism": 2}}
    always = {**pod, "restartPolicy": "Always"}
    yield (
        "spec.template.spec.restartPolicy",
        {**fine, "spec": {**spec, "template": {"spec": always}}},
    )
    empty = {**pod, "containers": []}
    yield "spec.template.spec.containers", {**fine, "spec": {**spec, "template": {"spec": empty}}}
    twice = {**pod, "containers": pod["containers"] * 2}
    yield "spec.template.spec", {**fine, "spec": {**spec, "template": {"spec": twice}}}
    cpu = [{**pod["containers"][0], "resources": {"requests": {"cpu": "much"}}}]
    hungry = {**pod, "containers": cpu}
    yield (
        "spec.template.spec.containers.0.resources.requests.cpu",
        {
            **fine,
            "spec": {**spec, "template": {"spec": hungry}},
        },
    )


@pytest.mark.parametrize(("field", "body"), list(_broken()))
def test_an_impossible_job_is_refused_by_the_field_at_fault(
    plain: Plain, field: str, body: Json
) -> None:
    code, told = plain.ask("POST", JOBS, body)
    assert (code, told["reason"]) == (422, "Invalid")
    assert told["details"]["causes"][0]["field"] == field


@pytest.mark.parametrize(
    "body", [None, [], "x", {}, {"metadata": 1}, {"kind": "Pod", "metadata": {}}]
)
def test_a_body_that_is_no_job_is_a_bad_request(plain: Plain, body: object) -> None:
    assert plain.ask("POST", JOBS, body)[0] in (400, 422)


def test_null_is_read_as_not_given(world: ClusterFixture) -> None:
    body = job("nulls", suspend=True, backoffLimit=None, ttlSecondsAfterFinished=None)
    made = world.create({**body, "metadata": {"name": "nulls", "creationTimestamp": None}})
    assert made["spec"]["backoffLimit"] == 6
    assert made["metadata"]["creationTimestamp"]


def test_the_clients_own_models_are_understood(world: ClusterFixture) -> None:
    given: Any = world.batch.api_client.sanitize_for_serialization(job("typed", "true"))
    world.batch.create_namespaced_job("default", given)
    world.until_job("typed", has("Complete"))
    read = world.batch.read_namespaced_job("typed", "default")
    assert read.status.succeeded == 1
    assert [its.type for its in read.status.conditions] == ["SuccessCriteriaMet", "Complete"]
    (pod,) = world.core.list_namespaced_pod("default", label_selector="job-name=typed").items
    assert pod.status.container_statuses[0].state.terminated.exit_code == 0
    assert pod.status.conditions


def test_a_selector_never_reaches_another_job_with_a_longer_id(world: ClusterFixture) -> None:
    for elb in ("pre-1", "pre-10", "pre-11"):
        labels = {"app": "blast", "elb-job-id": elb}
        world.create(job(f"of-{elb}", labels=labels, suspend=True))
    mine = "app in (blast,submit),elb-job-id=pre-1"
    found = world.batch.list_namespaced_job("default", label_selector=mine).items
    assert [its.metadata.name for its in found] == ["of-pre-1"]
    world.batch.delete_collection_namespaced_job("default", label_selector=mine)
    left = world.batch.list_namespaced_job("default", label_selector="elb-job-id").items
    names = [its.metadata.name for its in left if its.metadata.name.startswith("of-pre")]
    assert names == ["of-pre-10", "of-pre-11"]


def test_the_work_of_a_job_cannot_be_changed(world: ClusterFixture, plain: Plain) -> None:
    world.create(job("fixed", suspend=True))
    made = world.job("fixed")
    made["spec"]["template"]["spec"]["containers"][0]["command"] = ["true"]
    code, told = plain.ask("PUT", f"{JOBS}/fixed", made)
    assert code == 422
    assert told["details"]["causes"][0]["field"] == "spec.template"


def test_a_patch_of_another_kind_is_refused(plain: Plain) -> None:
    plain.ask("POST", LEASES, lease("patched"))
    other = {"Content-Type": "application/json-patch+json"}
    assert plain.ask("PATCH", f"{LEASES}/patched", [], **other)[0] == 415


def test_a_dry_run_is_refused_rather_than_done(world: ClusterFixture, plain: Plain) -> None:
    assert plain.ask("POST", f"{JOBS}?dryRun=All", job("dry"))[0] == 400
    assert plain.ask("GET", f"{JOBS}/dry")[0] == 404
    world.create(job("wet", suspend=True))
    assert plain.ask("DELETE", f"{JOBS}/wet", {"dryRun": ["All"]})[0] == 400
    assert plain.ask("GET", f"{JOBS}/wet")[0] == 200


def test_a_log_can_be_cut_to_its_end(world: ClusterFixture) -> None:
    world.create(job("lines", "printf 'a\\nb\\nc\\n'"))
    world.until_job("lines", has("Complete"))
    (pod,) = world.pods("lines")
    name = pod["metadata"]["name"]
    assert world.core.read_namespaced_pod_log(name, "default", tail_lines=2) == "b\nc\n"
    with pytest.raises(ApiException) as refused:
        world.core.read_namespaced_pod_log(name, "default", container="other")
    assert refused.value.status == 400
