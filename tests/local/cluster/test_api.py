"""The API responds as Kubernetes does: objects by name and selector, and errors."""

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
    PlainClient,
    has,
    job,
    lease,
    running,
)


@pytest.mark.parametrize("auth", ["", "Bearer", "Bearer wrong", "Basic x", f"Bearer {TOKEN}x"])
def test_a_wrong_token_is_unauthorized(plain: PlainClient, auth: str) -> None:
    code, body = plain.request("GET", JOBS, auth=auth)
    assert (code, body["kind"], body["status"]) == (401, "Status", "Failure")
    assert (body["code"], body["reason"]) == (401, "Unauthorized")


def test_an_anonymous_cluster_serves_requests_without_a_token(tmp_path: Path) -> None:
    with running(tmp_path, "--anonymous") as cluster:
        reply = urllib3.request("GET", f"{cluster.child.url}{JOBS}", timeout=10.0)
        assert reply.status == 200
        assert PlainClient(cluster).request("GET", JOBS, auth="Bearer wrong")[0] == 401


def test_a_request_without_credentials_is_unauthorized(cluster: ClusterFixture) -> None:
    assert urllib3.request("GET", f"{cluster.child.url}{JOBS}", timeout=10.0).status == 401


def test_health_needs_no_token(cluster: ClusterFixture) -> None:
    for path in ("/healthz", "/livez", "/readyz", "/version"):
        assert urllib3.request("GET", cluster.child.url + path, timeout=10.0).status == 200


def test_the_token_is_accepted_as_a_password(cluster: ClusterFixture) -> None:
    headers = urllib3.make_headers(basic_auth=f"anybody:{TOKEN}")
    reply = urllib3.request("GET", f"{cluster.child.url}{JOBS}", headers=headers, timeout=10.0)
    assert reply.status == 200


def test_an_existing_name_is_a_conflict(cluster: ClusterFixture, plain: PlainClient) -> None:
    cluster.create(job("taken", suspend=True))
    code, body = plain.request("POST", JOBS, job("taken", suspend=True))
    assert (code, body["reason"]) == (409, "AlreadyExists")
    assert body["details"] == {"name": "taken", "group": "batch", "kind": "jobs"}


def test_a_missing_object_is_not_found(plain: PlainClient) -> None:
    for method in ("GET", "DELETE"):
        code, body = plain.request(method, f"{JOBS}/nothing")
        assert (code, body["reason"]) == (404, "NotFound")
        assert body["message"] == 'jobs.batch "nothing" not found'


def test_an_unsupported_path_or_method_has_a_status_body(plain: PlainClient) -> None:
    assert plain.request("GET", "/apis/apps/v1/deployments")[1]["reason"] == "NotFound"
    code, body = plain.request("POST", "/api/v1/namespaces/default/pods", {})
    assert (code, body["reason"]) == (405, "MethodNotAllowed")


def test_a_namespace_must_exist(plain: PlainClient) -> None:
    there = JOBS.replace("default", "search")
    assert plain.request("POST", there, job("x", suspend=True))[0] == 404
    assert plain.request("POST", "/api/v1/namespaces", {"metadata": {"name": "search"}})[0] == 201
    assert plain.request("POST", there, job("x", suspend=True))[0] == 201
    assert plain.request("GET", f"{JOBS}/x")[0] == 404
    assert plain.request("GET", f"{there}/x")[0] == 200


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
    yield "metadata.name", {**fine, "metadata": {"name": "a..b"}}
    yield "metadata.name", {**fine, "metadata": {"name": "a.-b"}}
    yield "spec.template.labels", {**fine, "metadata": {"name": "n" * 64}}
    key = {"name": "x", "labels": {"a b": "c"}}
    yield "metadata.labels.a b.[key]", {**fine, "metadata": key}
    resources = "spec.template.spec.containers.0.resources"
    for field, given in (
        (f"{resources}.requests.cpu", {"requests": {"cpu": "much"}}),
        (f"{resources}.requests.memory", {"requests": {"memory": "4g"}}),
        (f"{resources}.limits.memory", {"limits": {"memory": "-1G"}}),
        (resources, {"requests": {"memory": "4Gi"}, "limits": {"memory": "4G"}}),
        (resources, {"requests": {"cpu": "2"}, "limits": {"cpu": "1500m"}}),
    ):
        hungry = {**pod, "containers": [{**pod["containers"][0], "resources": given}]}
        yield field, {**fine, "spec": {**spec, "template": {"spec": hungry}}}


@pytest.mark.parametrize(("field", "body"), list(_broken()))
def test_an_invalid_job_is_refused_with_the_field(
    plain: PlainClient, field: str, body: Json
) -> None:
    code, error = plain.request("POST", JOBS, body)
    assert (code, error["reason"]) == (422, "Invalid")
    assert error["details"]["causes"][0]["field"] == field


@pytest.mark.parametrize(
    "body", [None, [], "x", {}, {"metadata": 1}, {"kind": "Pod", "metadata": {}}]
)
def test_an_invalid_body_is_a_bad_request(plain: PlainClient, body: object) -> None:
    assert plain.request("POST", JOBS, body)[0] in (400, 422)


def test_null_is_treated_as_absent(cluster: ClusterFixture) -> None:
    body = job("nulls", suspend=True, backoffLimit=None, ttlSecondsAfterFinished=None)
    made = cluster.create({**body, "metadata": {"name": "nulls", "creationTimestamp": None}})
    assert made["spec"]["backoffLimit"] == 6
    assert made["metadata"]["creationTimestamp"]


def test_the_python_clients_models_are_accepted(cluster: ClusterFixture) -> None:
    given: Any = cluster.batch.api_client.sanitize_for_serialization(job("typed", "true"))
    cluster.batch.create_namespaced_job("default", given)
    cluster.until_job("typed", has("Complete"))
    read = cluster.batch.read_namespaced_job("typed", "default")
    assert read.status.succeeded == 1
    assert [condition.type for condition in read.status.conditions] == [
        "SuccessCriteriaMet",
        "Complete",
    ]
    (pod,) = cluster.core.list_namespaced_pod("default", label_selector="job-name=typed").items
    assert pod.status.container_statuses[0].state.terminated.exit_code == 0
    assert pod.status.conditions


def test_a_selector_does_not_match_a_job_with_a_longer_id(cluster: ClusterFixture) -> None:
    for elb in ("pre-1", "pre-10", "pre-11"):
        labels = {"app": "blast", "elb-job-id": elb}
        cluster.create(job(f"of-{elb}", labels=labels, suspend=True))
    selector = "app in (blast,submit),elb-job-id=pre-1"
    matching = cluster.batch.list_namespaced_job("default", label_selector=selector).items
    assert [job.metadata.name for job in matching] == ["of-pre-1"]
    cluster.batch.delete_collection_namespaced_job("default", label_selector=selector)
    remaining = cluster.batch.list_namespaced_job("default", label_selector="elb-job-id").items
    names = [job.metadata.name for job in remaining if job.metadata.name.startswith("of-pre")]
    assert names == ["of-pre-10", "of-pre-11"]


def test_a_jobs_template_is_immutable(cluster: ClusterFixture, plain: PlainClient) -> None:
    cluster.create(job("fixed", suspend=True))
    made = cluster.job("fixed")
    made["spec"]["template"]["spec"]["containers"][0]["command"] = ["true"]
    code, body = plain.request("PUT", f"{JOBS}/fixed", made)
    assert code == 422
    assert body["details"]["causes"][0]["field"] == "spec.template"


@pytest.mark.parametrize(
    "fields",
    [
        {"metadata": {"name": "db.v2-job-000", "labels": {"a.org/app": "x"}}},
        {"metadata": {"name": "n" * 63}},
    ],
    ids=["dots", "longest"],
)
def test_names_that_kubernetes_takes_are_accepted(plain: PlainClient, fields: Json) -> None:
    assert plain.request("POST", JOBS, job("x", suspend=True) | fields)[0] == 201


def test_a_quota_of_jobs_is_kept(tmp_path: Path) -> None:
    with running(tmp_path, "--job-quota", "1") as cluster:
        plain = PlainClient(cluster)
        assert plain.request("POST", JOBS, job("one", suspend=True))[0] == 201
        code, error = plain.request("POST", JOBS, job("two", suspend=True))
        assert (code, error["reason"]) == (403, "Forbidden")
        assert error["message"] == (
            'jobs.batch "two" is forbidden: exceeded quota: local, requested:'
            " count/jobs.batch=1, used: count/jobs.batch=1, limited: count/jobs.batch=1"
        )
        plain.request("DELETE", f"{JOBS}/one")
        assert plain.request("POST", JOBS, job("two", suspend=True))[0] == 201


def test_an_unsupported_patch_type_is_refused(plain: PlainClient) -> None:
    plain.request("POST", LEASES, lease("patched"))
    other = {"Content-Type": "application/json-patch+json"}
    assert plain.request("PATCH", f"{LEASES}/patched", [], **other)[0] == 415


def test_a_dry_run_is_refused(cluster: ClusterFixture, plain: PlainClient) -> None:
    assert plain.request("POST", f"{JOBS}?dryRun=All", job("dry"))[0] == 400
    assert plain.request("GET", f"{JOBS}/dry")[0] == 404
    cluster.create(job("wet", suspend=True))
    assert plain.request("DELETE", f"{JOBS}/wet", {"dryRun": ["All"]})[0] == 400
    assert plain.request("GET", f"{JOBS}/wet")[0] == 200


def test_tail_lines_cuts_a_log(cluster: ClusterFixture) -> None:
    cluster.create(job("lines", "printf 'a\\nb\\nc\\n'"))
    cluster.until_job("lines", has("Complete"))
    (pod,) = cluster.pods("lines")
    name = pod["metadata"]["name"]
    assert cluster.core.read_namespaced_pod_log(name, "default", tail_lines=2) == "b\nc\n"
    with pytest.raises(ApiException) as refused:
        cluster.core.read_namespaced_pod_log(name, "default", container="other")
    assert refused.value.status == 400
