"""The API answers as Kubernetes does: objects, pages, conflicts, refusals, watches."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from kubernetes.client import ApiException

from tests.cluster.world import TOKEN, Json, World, has, job, running

JOBS = "/apis/batch/v1/namespaces/default/jobs"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"


class Plain:
    """HTTP without a client's help: JSON out, status and JSON back."""

    def __init__(self, world: World) -> None:
        self._url = world.child.url
        self._pool = urllib3.PoolManager(timeout=10.0, retries=False)

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        auth: str = f"Bearer {TOKEN}",
        **headers: str,
    ) -> tuple[int, Json]:
        sent = {"Authorization": auth, "Content-Type": "application/json", **headers}
        data = None if body is None else json.dumps(body)
        reply = self._pool.request(method, self._url + path, body=data, headers=sent)
        return reply.status, dict(json.loads(reply.data))


@pytest.fixture
def plain(world: World) -> Plain:
    return Plain(world)


def _lease(name: str, holder: str = "job-1") -> Json:
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 900}
    return {"metadata": {"name": name}, "spec": spec}


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


def test_a_request_without_credentials_is_unauthorized(world: World) -> None:
    assert urllib3.request("GET", f"{world.child.url}{JOBS}", timeout=10.0).status == 401


def test_health_needs_no_token(world: World) -> None:
    for path in ("/healthz", "/livez", "/readyz", "/version"):
        assert urllib3.request("GET", world.child.url + path, timeout=10.0).status == 200


def test_the_token_may_come_as_a_password(world: World) -> None:
    told = urllib3.make_headers(basic_auth=f"anybody:{TOKEN}")
    reply = urllib3.request("GET", f"{world.child.url}{JOBS}", headers=told, timeout=10.0)
    assert reply.status == 200


def test_a_name_that_is_taken_is_a_conflict(world: World, plain: Plain) -> None:
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


def test_null_is_read_as_not_given(world: World) -> None:
    body = job("nulls", suspend=True, backoffLimit=None, ttlSecondsAfterFinished=None)
    made = world.create({**body, "metadata": {"name": "nulls", "creationTimestamp": None}})
    assert made["spec"]["backoffLimit"] == 6
    assert made["metadata"]["creationTimestamp"]


def test_the_clients_own_models_are_understood(world: World) -> None:
    given: Any = world.batch.api_client.sanitize_for_serialization(job("typed", "true"))
    world.batch.create_namespaced_job("default", given)
    world.until_job("typed", has("Complete"))
    read = world.batch.read_namespaced_job("typed", "default")
    assert read.status.succeeded == 1
    assert [its.type for its in read.status.conditions] == ["SuccessCriteriaMet", "Complete"]
    (pod,) = world.core.list_namespaced_pod("default", label_selector="job-name=typed").items
    assert pod.status.container_statuses[0].state.terminated.exit_code == 0
    assert pod.status.conditions


def test_a_selector_never_reaches_another_job_with_a_longer_id(world: World) -> None:
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


def test_a_long_list_comes_in_pages_of_one_moment(world: World) -> None:
    for number in range(7):
        world.create(job(f"paged-{number}", labels={"app": "paged"}, suspend=True))
    names, token, versions, pages = [], None, set(), 0
    while True:
        page = world.batch.list_namespaced_job(
            "default", label_selector="app=paged", limit=3, _continue=token
        )
        names += [its.metadata.name for its in page.items]
        versions.add(page.metadata.resource_version)
        token, pages = page.metadata._continue, pages + 1
        if pages == 1:
            world.delete("paged-6")
            world.create(job("paged-later", labels={"app": "paged"}, suspend=True))
        if not token:
            break
    assert names == [f"paged-{number}" for number in range(7)]
    assert pages == 3
    assert len(versions) == 1


def test_a_list_without_selector_says_how_much_is_left(plain: Plain) -> None:
    for number in range(3):
        plain.ask("POST", LEASES, _lease(f"counted-{number}"))
    _, first = plain.ask("GET", f"{LEASES}?limit=1")
    _, whole = plain.ask("GET", LEASES)
    assert first["metadata"]["remainingItemCount"] == len(whole["items"]) - 1


def test_a_token_of_a_list_that_is_no_longer_kept_is_gone(plain: Plain) -> None:
    code, body = plain.ask("GET", f"{JOBS}?limit=1&continue=unknown.1")
    assert (code, body["reason"]) == (410, "Expired")
    assert plain.ask("GET", f"{JOBS}?limit=1&continue=nonsense")[0] == 400


def test_of_two_who_take_a_lease_one_wins(plain: Plain) -> None:
    _, made = plain.ask("POST", LEASES, _lease("slot", holder=""))
    for holder in ("job-1", "job-2"):
        body = {**made, "spec": {**made["spec"], "holderIdentity": holder}}
        code, told = plain.ask("PUT", f"{LEASES}/slot", body)
        assert code == (200 if holder == "job-1" else 409)
    assert told["reason"] == "Conflict"
    assert "the object has been modified" in told["message"]
    assert plain.ask("GET", f"{LEASES}/slot")[1]["spec"]["holderIdentity"] == "job-1"


def test_a_lease_is_not_replaced_blindly(plain: Plain) -> None:
    plain.ask("POST", LEASES, _lease("blind"))
    code, told = plain.ask("PUT", f"{LEASES}/blind", _lease("blind", "job-2"))
    assert (code, told["reason"]) == (422, "Invalid")


def test_a_lease_is_deleted_only_in_the_state_that_was_seen(plain: Plain) -> None:
    _, made = plain.ask("POST", LEASES, _lease("seen"))
    old = made["metadata"]["resourceVersion"]
    plain.ask("PUT", f"{LEASES}/seen", {**made, "spec": {"holderIdentity": "job-2"}})
    options = {"preconditions": {"resourceVersion": old}}
    assert plain.ask("DELETE", f"{LEASES}/seen", options)[0] == 409
    options = {"preconditions": {"uid": made["metadata"]["uid"]}}
    assert plain.ask("DELETE", f"{LEASES}/seen", options)[0] == 200


def test_versions_grow_and_nothing_changes_when_nothing_differs(plain: Plain) -> None:
    _, made = plain.ask("POST", LEASES, _lease("same"))
    _, same = plain.ask("PUT", f"{LEASES}/same", made)
    assert same["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    patch = {"spec": {"holderIdentity": "job-2", "leaseDurationSeconds": None}}
    merge = {"Content-Type": "application/merge-patch+json"}
    _, after = plain.ask("PATCH", f"{LEASES}/same", patch, **merge)
    assert int(after["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])
    assert after["spec"] == {"holderIdentity": "job-2"}
    assert after["metadata"]["uid"] == made["metadata"]["uid"]


def test_the_work_of_a_job_cannot_be_changed(world: World, plain: Plain) -> None:
    world.create(job("fixed", suspend=True))
    made = world.job("fixed")
    made["spec"]["template"]["spec"]["containers"][0]["command"] = ["true"]
    code, told = plain.ask("PUT", f"{JOBS}/fixed", made)
    assert code == 422
    assert told["details"]["causes"][0]["field"] == "spec.template"


def test_a_patch_of_another_kind_is_refused(plain: Plain) -> None:
    plain.ask("POST", LEASES, _lease("patched"))
    other = {"Content-Type": "application/json-patch+json"}
    assert plain.ask("PATCH", f"{LEASES}/patched", [], **other)[0] == 415


def test_a_watch_tells_what_enters_and_leaves_a_selection(world: World, plain: Plain) -> None:
    _, listed = plain.ask("GET", LEASES)
    since = listed["metadata"]["resourceVersion"]
    plain.ask(
        "POST", LEASES, {**_lease("told"), "metadata": {"name": "told", "labels": {"w": "a"}}}
    )
    merge = {"Content-Type": "application/merge-patch+json"}
    for labels in ({"w": "b"}, {"w": "a"}):
        plain.ask("PATCH", f"{LEASES}/told", {"metadata": {"labels": labels}}, **merge)
    plain.ask("DELETE", f"{LEASES}/told")
    url = f"{world.child.url}{LEASES}?watch=1&labelSelector=w%3Da&timeoutSeconds=1"
    told = {"Authorization": f"Bearer {TOKEN}"}
    reply = urllib3.request("GET", f"{url}&resourceVersion={since}", headers=told, timeout=10.0)
    events = [json.loads(line) for line in reply.data.splitlines()]
    assert [its["type"] for its in events] == ["ADDED", "DELETED", "ADDED", "DELETED"]
    versions = [int(its["object"]["metadata"]["resourceVersion"]) for its in events]
    assert versions == sorted(set(versions))


def test_a_watch_or_page_from_before_a_restart_is_gone(tmp_path: Path) -> None:
    with running(tmp_path) as world:
        before = Plain(world)
        for name in ("one", "two"):
            before.ask("POST", LEASES, _lease(name))
        _, page = before.ask("GET", f"{LEASES}?limit=1")
        before.ask("DELETE", f"{LEASES}/one")
    since, token = page["metadata"]["resourceVersion"], page["metadata"]["continue"]
    with running(tmp_path) as world:
        after = Plain(world)
        for query in (f"watch=1&resourceVersion={since}", f"limit=1&continue={token}"):
            code, body = after.ask("GET", f"{LEASES}?{query}")
            assert (code, body["reason"]) == (410, "Expired")


def test_a_dry_run_is_refused_rather_than_done(world: World, plain: Plain) -> None:
    assert plain.ask("POST", f"{JOBS}?dryRun=All", job("dry"))[0] == 400
    assert plain.ask("GET", f"{JOBS}/dry")[0] == 404
    world.create(job("wet", suspend=True))
    assert plain.ask("DELETE", f"{JOBS}/wet", {"dryRun": ["All"]})[0] == 400
    assert plain.ask("GET", f"{JOBS}/wet")[0] == 200


def test_a_log_can_be_cut_to_its_end(world: World) -> None:
    world.create(job("lines", "printf 'a\\nb\\nc\\n'"))
    world.until_job("lines", has("Complete"))
    (pod,) = world.pods("lines")
    name = pod["metadata"]["name"]
    assert world.core.read_namespaced_pod_log(name, "default", tail_lines=2) == "b\nc\n"
    with pytest.raises(ApiException) as refused:
        world.core.read_namespaced_pod_log(name, "default", container="other")
    assert refused.value.status == 400
