"""Failure 43: Azure's Python worker loads the app and runs every kind of function."""

import json
from typing import Any

import pytest

from local.demo.search import demo_request
from local.package import PROJECT
from shared.contracts.activities import (
    BATCH_ORCHESTRATOR,
    ORCHESTRATOR,
    WAKE_EVENT,
    ActivityInput,
    ActivityName,
    ChunkResult,
    Stage,
)
from tests.replay.histories import HISTORIES, difference_of, read_history
from tests.worker.host import Host
from triggers.http.routes import OPERATIONS, UNKNOWN_ROUTE, UNKNOWN_ROUTE_NAME
from triggers.http.unknown_route import METHODS
from triggers.url_api import handler as url_api

TIMERS = {"reconcile": "0 * * * * *", "purge": "0 30 3 * * *"}
FILE_TYPES = {"text/javascript; charset=utf-8", "text/css; charset=utf-8"}
QUEUES = {"process_request": "blast-requests", "process_poison_message": "blast-requests-poison"}
SEARCH = [
    ActivityName.PREPARE_SEARCH,
    ActivityName.SUBMIT_SEARCH,
    ActivityName.OBSERVE_SEARCH,
    ActivityName.COLLECT_RESULTS,
    ActivityName.PLAN_INDEX,
]


def submitted(host: Host, **changes: Any) -> str:
    """Submit a search over HTTP; returns the id of the job, whose orchestration was started."""
    answer = host.http("submit_job", demo_request() | changes)
    assert answer.status == 202, answer.body
    job_id: str = answer.body["job_id"]
    assert job_id in host.durable.started
    return job_id


def test_failure_43_the_worker_indexes_all_functions_of_the_app(host: Host) -> None:
    triggers = {name: _trigger(bindings) for name, bindings in host.functions().items()}
    of_kind: dict[str, dict[str, dict[str, Any]]] = {}
    for name, trigger in triggers.items():
        of_kind.setdefault(trigger["type"], {})[name] = trigger
    assert of_kind.keys() == {
        *("httpTrigger", "activityTrigger", "orchestrationTrigger"),
        *("queueTrigger", "timerTrigger"),
    }
    routes = {
        name: (item["route"], item["methods"], item["authLevel"])
        for name, item in of_kind["httpTrigger"].items()
    }
    expected = {item.name: (item.path, [item.method], "ANONYMOUS") for item in OPERATIONS}
    expected[UNKNOWN_ROUTE_NAME] = (UNKNOWN_ROUTE, [*METHODS], "ANONYMOUS")
    expected[url_api.NAME] = (url_api.ROUTE, [*url_api.METHODS], "ANONYMOUS")
    assert routes == expected
    assert of_kind["activityTrigger"].keys() == set(ActivityName)
    assert of_kind["orchestrationTrigger"].keys() == {ORCHESTRATOR, BATCH_ORCHESTRATOR}
    schedules = {
        name: (item["schedule"], item["runOnStartup"])
        for name, item in of_kind["timerTrigger"].items()
    }
    assert schedules == {name: (schedule, False) for name, schedule in TIMERS.items()}
    queues = {
        name: (item["queueName"], item["connection"])
        for name, item in of_kind["queueTrigger"].items()
    }
    assert queues == {name: (queue, "AzureWebJobsStorage") for name, queue in QUEUES.items()}


def _trigger(bindings: list[dict[str, Any]]) -> dict[str, Any]:
    (result,) = [item for item in bindings if item["type"].endswith("Trigger")]
    return result


def test_failure_43_binding_names_are_single_lower_case_words(host: Host) -> None:
    names = {item["name"] for bindings in host.functions().values() for item in bindings}
    assert {name for name in names if not name.isalpha() or name != name.lower()} == {"$return"}


def test_failure_43_a_search_runs_to_its_results(host: Host) -> None:
    job_id = submitted(host)
    done = host.follow(job_id, ActivityName.PREPARE_SEARCH)
    assert list(dict.fromkeys(done)) == SEARCH
    job = host.http("read_job", id=job_id)
    assert (job.status, job.body["status"]) == (200, "completed")
    known = {"if-none-match": job.headers["etag"]}
    assert host.http("read_job", id=job_id, headers=known).status == 304
    files = host.http("list_results", id=job_id).body["files"]
    assert files


def test_failure_43_cancelled_and_crashed_searches_are_cleaned_up(host: Host) -> None:
    cancelled, crashed = submitted(host), submitted(host)
    assert host.http("cancel_job", id=cancelled).status == 202
    assert (cancelled, WAKE_EVENT) in host.durable.events
    assert host.follow(cancelled, ActivityName.PREPARE_SEARCH)[-1] is ActivityName.CLEAN_UP_SEARCH
    assert host.http("read_job", id=cancelled).body["phase"] == "cancelled"
    host.step(ActivityName.RECORD_CRASH, ActivityInput(crashed, 1, "Exception: crashed"))
    host.follow(crashed, ActivityName.CLEAN_UP_SEARCH, 2)
    assert host.http("read_job", id=crashed).body["error_code"] == "activity_crashed"


def test_failure_43_a_batch_starts_its_children_and_is_cancelled(host: Host) -> None:
    query = demo_request()["query_data"]
    searches = [{"query_data": query}, {"query_data": query, "job_title": "two"}]
    common = {key: value for key, value in demo_request().items() if key != "query_data"}
    answer = host.http("submit_job", common | {"searches": searches})
    assert answer.status == 202, answer.body
    batch = answer.body["job_id"]
    named = host.step(ActivityName.START_CHILDREN, ActivityInput(batch, 1))
    assert [host.create(ActivityInput(batch, 2, chunk=chunk)) for chunk in named.fan_out] == [
        ChunkResult()
    ]
    started = host.step(ActivityName.START_CHILDREN, ActivityInput(batch, 2))
    assert started.next_stage is Stage.WATCH_CHILDREN
    children = [one["job_id"] for one in host.http("list_children", id=batch).body["jobs"]]
    assert len(children) == 2 and {*children} <= host.durable.started.keys()
    observed = host.step(ActivityName.OBSERVE_CHILDREN, ActivityInput(batch, 3))
    assert observed.next_stage is Stage.WATCH_CHILDREN
    assert host.http("cancel_job", id=batch).status == 202
    stopped = host.step(ActivityName.CANCEL_CHILDREN, ActivityInput(batch, 4))
    assert stopped.next_stage is Stage.CLEAN_UP_CHILDREN
    host.step(ActivityName.CANCEL_CHILDREN, ActivityInput(batch, 5))
    for child in children:
        assert host.follow(child, ActivityName.PREPARE_SEARCH)[-1] is ActivityName.CLEAN_UP_SEARCH
    host.follow(batch, ActivityName.CANCEL_CHILDREN, 6)
    assert host.http("read_job", id=batch).body["phase"] == "cancelled"


def test_failure_43_recorded_histories_are_replayed_by_the_orchestrator(host: Host) -> None:
    for path in sorted(HISTORIES.glob("*/*.json")):
        result = difference_of(
            lambda text: host.orchestrate(ORCHESTRATOR, text), read_history(path)
        )
        assert result is None, path.name


def test_failure_43_queue_functions_process_valid_and_poison_messages(host: Host) -> None:
    request = demo_request() | {"external_correlation_id": "worker-gate"}
    host.message("process_request", json.dumps(request), "message-1")
    assert len(host.durable.started) == 1
    host.message("process_poison_message", "no JSON", "message-2")


def test_failure_43_the_page_is_read_from_the_deployed_package(host: Host) -> None:
    page = host.http("ui")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert host.http("ui", headers={"if-none-match": page.headers["etag"]}).status == 304
    names = [path.name for path in (PROJECT / "ui").iterdir() if path.suffix != ".html"]
    for name in names:
        answer = host.http("ui_file", file=name)
        assert (answer.status, answer.body) == (200, (PROJECT / "ui" / name).read_text())
        assert answer.headers["content-type"] in FILE_TYPES
    assert host.http("ui_file", file="../host.json").status == 404


@pytest.mark.acceptance
def test_failure_43_timer_functions_run(host: Host) -> None:
    host.tick("reconcile")
    host.tick("purge")
