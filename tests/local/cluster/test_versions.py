"""Resource versions: pages of one moment, conflicts, and watches from a version on."""

import json
from pathlib import Path

import urllib3

from tests.local.cluster.cluster_fixture import (
    JOBS,
    LEASES,
    TOKEN,
    ClusterFixture,
    Plain,
    job,
    lease,
    running,
)


def test_a_long_list_comes_in_pages_of_one_moment(world: ClusterFixture) -> None:
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
        plain.ask("POST", LEASES, lease(f"counted-{number}"))
    _, first = plain.ask("GET", f"{LEASES}?limit=1")
    _, whole = plain.ask("GET", LEASES)
    assert first["metadata"]["remainingItemCount"] == len(whole["items"]) - 1


def test_a_token_of_a_list_that_is_no_longer_kept_is_gone(plain: Plain) -> None:
    code, body = plain.ask("GET", f"{JOBS}?limit=1&continue=unknown.1")
    assert (code, body["reason"]) == (410, "Expired")
    assert plain.ask("GET", f"{JOBS}?limit=1&continue=nonsense")[0] == 400


def test_of_two_who_take_a_lease_one_wins(plain: Plain) -> None:
    _, made = plain.ask("POST", LEASES, lease("slot", holder=""))
    for holder in ("job-1", "job-2"):
        body = {**made, "spec": {**made["spec"], "holderIdentity": holder}}
        code, told = plain.ask("PUT", f"{LEASES}/slot", body)
        assert code == (200 if holder == "job-1" else 409)
    assert told["reason"] == "Conflict"
    assert "the object has been modified" in told["message"]
    assert plain.ask("GET", f"{LEASES}/slot")[1]["spec"]["holderIdentity"] == "job-1"


def test_a_lease_is_not_replaced_blindly(plain: Plain) -> None:
    plain.ask("POST", LEASES, lease("blind"))
    code, told = plain.ask("PUT", f"{LEASES}/blind", lease("blind", "job-2"))
    assert (code, told["reason"]) == (422, "Invalid")


def test_a_lease_is_deleted_only_in_the_state_that_was_seen(plain: Plain) -> None:
    _, made = plain.ask("POST", LEASES, lease("seen"))
    old = made["metadata"]["resourceVersion"]
    plain.ask("PUT", f"{LEASES}/seen", {**made, "spec": {"holderIdentity": "job-2"}})
    options = {"preconditions": {"resourceVersion": old}}
    assert plain.ask("DELETE", f"{LEASES}/seen", options)[0] == 409
    options = {"preconditions": {"uid": made["metadata"]["uid"]}}
    assert plain.ask("DELETE", f"{LEASES}/seen", options)[0] == 200


def test_versions_grow_and_nothing_changes_when_nothing_differs(plain: Plain) -> None:
    _, made = plain.ask("POST", LEASES, lease("same"))
    _, same = plain.ask("PUT", f"{LEASES}/same", made)
    assert same["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    patch = {"spec": {"holderIdentity": "job-2", "leaseDurationSeconds": None}}
    merge = {"Content-Type": "application/merge-patch+json"}
    _, after = plain.ask("PATCH", f"{LEASES}/same", patch, **merge)
    assert int(after["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])
    assert after["spec"] == {"holderIdentity": "job-2"}
    assert after["metadata"]["uid"] == made["metadata"]["uid"]


def test_a_watch_tells_what_enters_and_leaves_a_selection(
    world: ClusterFixture, plain: Plain
) -> None:
    _, listed = plain.ask("GET", LEASES)
    since = listed["metadata"]["resourceVersion"]
    plain.ask("POST", LEASES, {**lease("told"), "metadata": {"name": "told", "labels": {"w": "a"}}})
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
            before.ask("POST", LEASES, lease(name))
        _, page = before.ask("GET", f"{LEASES}?limit=1")
        before.ask("DELETE", f"{LEASES}/one")
    since, token = page["metadata"]["resourceVersion"], page["metadata"]["continue"]
    with running(tmp_path) as world:
        after = Plain(world)
        for query in (f"watch=1&resourceVersion={since}", f"limit=1&continue={token}"):
            code, body = after.ask("GET", f"{LEASES}?{query}")
            assert (code, body["reason"]) == (410, "Expired")
