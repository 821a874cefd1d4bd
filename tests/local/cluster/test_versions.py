"""Resource versions: consistent pages, conflicts, and watches from a version."""

import json
from pathlib import Path

import pytest
import urllib3

from tests.local.cluster.cluster_fixture import (
    JOBS,
    LEASES,
    TOKEN,
    ClusterFixture,
    PlainClient,
    job,
    lease,
    running,
)


def test_pages_of_a_list_are_consistent(cluster: ClusterFixture) -> None:
    for number in range(7):
        cluster.create(job(f"paged-{number}", labels={"app": "paged"}, suspend=True))
    names, token, versions, pages = [], None, set(), 0
    while True:
        page = cluster.batch.list_namespaced_job(
            "default", label_selector="app=paged", limit=3, _continue=token
        )
        names += [job.metadata.name for job in page.items]
        versions.add(page.metadata.resource_version)
        token, pages = page.metadata._continue, pages + 1
        if pages == 1:
            cluster.delete("paged-6")
            cluster.create(job("paged-later", labels={"app": "paged"}, suspend=True))
        if not token:
            break
    assert names == [f"paged-{number}" for number in range(7)]
    assert pages == 3
    assert len(versions) == 1


def test_a_list_without_selector_has_a_remaining_item_count(plain: PlainClient) -> None:
    for number in range(3):
        plain.request("POST", LEASES, lease(f"counted-{number}"))
    _, first = plain.request("GET", f"{LEASES}?limit=1")
    _, whole = plain.request("GET", LEASES)
    assert first["metadata"]["remainingItemCount"] == len(whole["items"]) - 1


def test_an_unknown_continue_token_is_gone(plain: PlainClient) -> None:
    code, body = plain.request("GET", f"{JOBS}?limit=1&continue=unknown.1")
    assert (code, body["reason"]) == (410, "Expired")
    assert plain.request("GET", f"{JOBS}?limit=1&continue=nonsense")[0] == 400


def test_of_two_updates_of_a_lease_one_conflicts(plain: PlainClient) -> None:
    _, made = plain.request("POST", LEASES, lease("slot", holder=""))
    for holder in ("job-1", "job-2"):
        body = {**made, "spec": {**made["spec"], "holderIdentity": holder}}
        code, reply = plain.request("PUT", f"{LEASES}/slot", body)
        assert code == (200 if holder == "job-1" else 409)
    assert reply["reason"] == "Conflict"
    assert "the object has been modified" in reply["message"]
    assert plain.request("GET", f"{LEASES}/slot")[1]["spec"]["holderIdentity"] == "job-1"


def test_a_lease_update_needs_a_resource_version(plain: PlainClient) -> None:
    plain.request("POST", LEASES, lease("blind"))
    code, body = plain.request("PUT", f"{LEASES}/blind", lease("blind", "job-2"))
    assert (code, body["reason"]) == (422, "Invalid")


def test_delete_preconditions_are_checked(plain: PlainClient) -> None:
    _, made = plain.request("POST", LEASES, lease("seen"))
    old = made["metadata"]["resourceVersion"]
    plain.request("PUT", f"{LEASES}/seen", {**made, "spec": {"holderIdentity": "job-2"}})
    options = {"preconditions": {"resourceVersion": old}}
    assert plain.request("DELETE", f"{LEASES}/seen", options)[0] == 409
    options = {"preconditions": {"uid": made["metadata"]["uid"]}}
    assert plain.request("DELETE", f"{LEASES}/seen", options)[0] == 200


def test_versions_grow_only_with_changes(plain: PlainClient) -> None:
    _, made = plain.request("POST", LEASES, lease("same"))
    _, same = plain.request("PUT", f"{LEASES}/same", made)
    assert same["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    patch = {"spec": {"holderIdentity": "job-2", "leaseDurationSeconds": None}}
    merge = {"Content-Type": "application/merge-patch+json"}
    _, after = plain.request("PATCH", f"{LEASES}/same", patch, **merge)
    assert int(after["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])
    assert after["spec"] == {"holderIdentity": "job-2"}
    assert after["metadata"]["uid"] == made["metadata"]["uid"]


@pytest.mark.acceptance
def test_a_watch_reports_objects_that_enter_and_leave_the_selection(
    cluster: ClusterFixture, plain: PlainClient
) -> None:
    _, listed = plain.request("GET", LEASES)
    since = listed["metadata"]["resourceVersion"]
    plain.request(
        "POST", LEASES, {**lease("watched"), "metadata": {"name": "watched", "labels": {"w": "a"}}}
    )
    merge = {"Content-Type": "application/merge-patch+json"}
    for labels in ({"w": "b"}, {"w": "a"}):
        plain.request("PATCH", f"{LEASES}/watched", {"metadata": {"labels": labels}}, **merge)
    plain.request("DELETE", f"{LEASES}/watched")
    url = f"{cluster.child.url}{LEASES}?watch=1&labelSelector=w%3Da&timeoutSeconds=1"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    reply = urllib3.request("GET", f"{url}&resourceVersion={since}", headers=headers, timeout=10.0)
    events = [json.loads(line) for line in reply.data.splitlines()]
    assert [item["type"] for item in events] == ["ADDED", "DELETED", "ADDED", "DELETED"]
    versions = [int(item["object"]["metadata"]["resourceVersion"]) for item in events]
    assert versions == sorted(set(versions))


@pytest.mark.acceptance
def test_a_watch_or_page_from_before_a_restart_is_gone(tmp_path: Path) -> None:
    with running(tmp_path) as cluster:
        before = PlainClient(cluster)
        for name in ("one", "two"):
            before.request("POST", LEASES, lease(name))
        _, page = before.request("GET", f"{LEASES}?limit=1")
        before.request("DELETE", f"{LEASES}/one")
    since, token = page["metadata"]["resourceVersion"], page["metadata"]["continue"]
    with running(tmp_path) as cluster:
        after = PlainClient(cluster)
        for query in (f"watch=1&resourceVersion={since}", f"limit=1&continue={token}"):
            code, body = after.request("GET", f"{LEASES}?{query}")
            assert (code, body["reason"]) == (410, "Expired")
