"""Batches of searches over the whole stack."""

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

pytestmark = pytest.mark.acceptance


def submit(system: StackFixture, *searches: dict[str, Any], key: str | None = None) -> str:
    return system.submit(key=key, searches=list(searches), batch_len=100_000)


@pytest.fixture(scope="module")
def partly_failed(running: StackFixture) -> dict[str, Any]:
    """An ended batch of three, one with a missing database."""
    searches = [{"job_title": "first"}, {"db": "no_such_db"}, {}]
    return running.ended(submit(running, *searches))


def test_failure_14_a_missing_database_fails_one_search_of_three(
    system: StackFixture, partly_failed: dict[str, Any]
) -> None:
    job = partly_failed
    assert (job["status"], job["exact_phase"]) == ("failed", "search_failed")
    assert (job["error_code"], job["error"]) == ("children_failed", "1 of 3 searches failed")
    none = dict.fromkeys(("queued", "running", "cancelled", "deleted"), 0)
    assert job["children"] == none | {"total": 3, "completed": 2, "failed": 1}
    children = system.api.children(job["job_id"])["jobs"]
    phases = [child["exact_phase"] for child in children]
    assert phases == ["completed", "database_unavailable", "completed"]
    assert [system.submissions(child["job_id"]) for child in children] == [1, 1, 1]
    assert system.submissions(job["job_id"]) == 0


def test_children_are_paged_in_request_order_and_not_in_the_job_list(
    system: StackFixture, partly_failed: dict[str, Any]
) -> None:
    parent = partly_failed["job_id"]
    page = system.api.children(parent, limit=2)
    assert page["page"]["has_more"] is True
    rest = system.api.children(parent, limit=2, cursor=page["page"]["next_cursor"])
    children = [*page["jobs"], *rest["jobs"]]
    assert [(child["child_number"], child["parent_job_id"]) for child in children] == [
        (number, parent) for number in (1, 2, 3)
    ]
    listed = {child["job_id"] for child in system.api.jobs(limit=500)["jobs"]}
    assert parent in listed
    assert not listed & {child["job_id"] for child in children}


def test_results_of_a_batch_link_to_its_searches(
    system: StackFixture, partly_failed: dict[str, Any]
) -> None:
    results = system.api.results(partly_failed["job_id"])
    assert (results["files"], results["manifest"]["status"]) == ([], "no_result_files")
    first = system.api.get(results["children"] + "?limit=1")["jobs"][0]
    assert first["job_title"] == "first"
    assert system.api.results(first["job_id"])["manifest"]["status"] == "available"


def test_failure_35_a_cancelled_batch_leaves_nothing_on_the_cluster(system: StackFixture) -> None:
    key = uuid.uuid4().hex
    ids = [child_id(derived_id(LOCAL, key), number) for number in (1, 2, 3)]
    for text in ids:
        system.add_fault(lambda _, job_id=text: FaultRule(key=job_id, jobs=JobFaultRule(hang=True)))  # type: ignore[misc]
    parent = submit(system, {}, {}, {}, key=key)
    system.until(parent, lambda job: all(system.cluster.jobs_of(job_id) for job_id in ids))
    system.api.cancel(ids[1])
    assert system.ended(ids[1])["exact_phase"] == "cancelled"
    assert all(system.cluster.jobs_of(text) for text in (ids[0], ids[2])), (
        "only one child is cancelled"
    )
    assert system.api.cancel(parent)["status"] == "cancelling"
    job = system.ended(parent)
    assert (job["exact_phase"], job["children"]["cancelled"]) == ("cancelled", 3)
    for text in ids:
        assert system.cluster.jobs_of(text) == []
        assert system.cluster.pods_of(text) == []
        assert system.processes_of(text) == []
        assert system.events(text)[-1] == "cancelled"


def test_failure_33_a_batch_cancelled_immediately_ends_cancelled(system: StackFixture) -> None:
    parent = submit(system, *[{}] * 5)
    system.api.cancel(parent)
    job = system.ended(parent)
    assert job["exact_phase"] == "cancelled"
    assert (job["children"]["queued"], job["children"]["running"]) == (0, 0)


@pytest.mark.faults
def test_a_batch_continues_after_a_kill_of_the_host(system: StackFixture) -> None:
    parent = submit(system, {}, {}, {}, key="killed-during-batch")
    system.until(parent, lambda job: job["children"]["total"] == 3)
    system.restart_host()
    assert system.ended(parent)["exact_phase"] == "completed"
    ids = [child["job_id"] for child in system.api.children(parent)["jobs"]]
    assert [system.submissions(job_id) for job_id in ids] == [1, 1, 1]
    assert submit(system, {}, {}, {}, key="killed-during-batch") == parent


def test_failure_14_a_batch_with_an_invalid_search_is_refused_as_a_whole(
    system: StackFixture,
) -> None:
    before = [job["job_id"] for job in system.api.jobs(limit=1)["jobs"]]
    with pytest.raises(RequestRejected) as refused:
        system.api.submit(demo_request() | {"searches": [{}, {"db": "../x"}]})
    assert refused.value.status == 422
    assert refused.value.body["detail"]["errors"][0]["loc"] == ["searches", "1", "db"]
    assert [job["job_id"] for job in system.api.jobs(limit=1)["jobs"]] == before
