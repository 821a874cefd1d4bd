"""A batch of searches over the whole stack: each is a job of its own, and all can be stopped."""

import uuid
from typing import Any

import pytest

from local.demo.client import RequestRejected
from local.demo.search import demo_request
from local.elastic_blast.fault_rules import FaultRule, JobFaultRule
from shared.contracts.job import child_id
from tests.end_to_end.conftest import StackFixture
from triggers.auth.callers import LOCAL
from triggers.submission.accept import derived_id


def submit(world: StackFixture, *searches: dict[str, Any], key: str | None = None) -> str:
    return world.submit(key=key, searches=list(searches), batch_len=100_000)


@pytest.fixture(scope="module")
def partly_failed(running: StackFixture) -> dict[str, Any]:
    """A batch of three, one of whose databases is not there, after its end."""
    searches = [{"job_title": "first"}, {"db": "no_such_db"}, {}]
    return running.ended(submit(running, *searches))


def test_failure_14_a_database_that_is_missing_fails_one_search_of_three(
    world: StackFixture, partly_failed: dict[str, Any]
) -> None:
    job = partly_failed
    assert (job["status"], job["phase"]) == ("failed", "search_failed")
    assert (job["error_code"], job["error"]) == ("children_failed", "1 of 3 searches failed")
    none = dict.fromkeys(("queued", "running", "cancelled", "deleted"), 0)
    assert job["children"] == none | {"total": 3, "completed": 2, "failed": 1}
    children = world.api.children(job["job_id"])["jobs"]
    phases = [one["phase"] for one in children]
    assert phases == ["completed", "database_unavailable", "completed"]
    assert [world.submissions(one["job_id"]) for one in children] == [1, 1, 1]
    assert world.submissions(job["job_id"]) == 0


def test_searches_are_paged_in_the_order_of_the_request_and_stay_out_of_the_list(
    world: StackFixture, partly_failed: dict[str, Any]
) -> None:
    parent = partly_failed["job_id"]
    page = world.api.children(parent, limit=2)
    assert page["page"]["has_more"] is True
    rest = world.api.children(parent, limit=2, cursor=page["page"]["next_cursor"])
    found = [*page["jobs"], *rest["jobs"]]
    assert [(one["child_number"], one["parent_job_id"]) for one in found] == [
        (number, parent) for number in (1, 2, 3)
    ]
    listed = {one["job_id"] for one in world.api.jobs(limit=500)["jobs"]}
    assert parent in listed
    assert not listed & {one["job_id"] for one in found}


def test_results_of_a_batch_lead_to_those_of_its_searches(
    world: StackFixture, partly_failed: dict[str, Any]
) -> None:
    results = world.api.results(partly_failed["job_id"])
    assert (results["files"], results["manifest"]["status"]) == ([], "no_result_files")
    first = world.api.get(results["children"] + "?limit=1")["jobs"][0]
    assert first["job_title"] == "first"
    assert world.api.results(first["job_id"])["manifest"]["status"] == "available"


def test_failure_35_a_cancelled_batch_leaves_nothing_of_any_search(world: StackFixture) -> None:
    key = uuid.uuid4().hex
    ids = [child_id(derived_id(LOCAL, key), number) for number in (1, 2, 3)]
    for text in ids:
        world.trouble(lambda _, one=text: FaultRule(key=one, jobs=JobFaultRule(hang=True)))  # type: ignore[misc]
    parent = submit(world, {}, {}, {}, key=key)
    world.until(parent, lambda job: all(world.cluster.jobs_of(one) for one in ids))
    world.api.cancel(ids[1])
    assert world.ended(ids[1])["phase"] == "cancelled"
    assert all(world.cluster.jobs_of(text) for text in (ids[0], ids[2])), "one alone is cancelled"
    assert world.api.cancel(parent)["status"] == "cancelling"
    job = world.ended(parent)
    assert (job["phase"], job["children"]["cancelled"]) == ("cancelled", 3)
    for text in ids:
        assert world.cluster.jobs_of(text) == []
        assert world.cluster.pods_of(text) == []
        assert world.processes_of(text) == []
        assert world.events(text)[-1] == "cancelled"


def test_failure_33_a_batch_that_is_cancelled_at_once_ends_cancelled(world: StackFixture) -> None:
    parent = submit(world, *[{}] * 5)
    world.api.cancel(parent)
    job = world.ended(parent)
    assert job["phase"] == "cancelled"
    assert (job["children"]["queued"], job["children"]["running"]) == (0, 0)


@pytest.mark.faults
def test_a_batch_goes_on_after_the_host_was_killed(world: StackFixture) -> None:
    parent = submit(world, {}, {}, {}, key="killed-in-mid-batch")
    world.until(parent, lambda job: job["children"]["total"] == 3)
    world.restart_host()
    assert world.ended(parent)["phase"] == "completed"
    ids = [one["job_id"] for one in world.api.children(parent)["jobs"]]
    assert [world.submissions(one) for one in ids] == [1, 1, 1]
    assert submit(world, {}, {}, {}, key="killed-in-mid-batch") == parent


def test_failure_14_a_batch_with_a_fault_is_refused_as_a_whole(world: StackFixture) -> None:
    before = [job["job_id"] for job in world.api.jobs(limit=1)["jobs"]]
    with pytest.raises(RequestRejected) as refused:
        world.api.submit(demo_request() | {"searches": [{}, {"db": "../x"}]})
    assert refused.value.status == 422
    assert refused.value.body["detail"]["errors"][0]["loc"] == ["searches", "1", "db"]
    assert [job["job_id"] for job in world.api.jobs(limit=1)["jobs"]] == before
