"""Failure 43: Azure's own worker loads the app, and runs every kind of its functions."""

import json
from typing import Any

from local.demo.search import demo_request
from shared.contracts.activities import (
    BATCH_ORCHESTRATOR,
    ORCHESTRATOR,
    ActivityInput,
    ActivityName,
)
from tests.replay.histories import HISTORIES, difference_of, read_history
from tests.worker.host import Host
from triggers.http.routes import OPERATIONS, UNKNOWN_ROUTE, UNKNOWN_ROUTE_NAME
from triggers.http.unknown_route import METHODS

TIMERS = {"reconcile": "0 * * * * *", "purge": "0 30 3 * * *"}
QUEUES = {"process_request": "blast-requests", "process_poison_message": "blast-requests-poison"}
SEARCH = [
    ActivityName.PREPARE_SEARCH,
    ActivityName.SUBMIT_SEARCH,
    ActivityName.OBSERVE_SEARCH,
    ActivityName.COLLECT_RESULTS,
]


def submitted(host: Host, **changes: Any) -> str:
    """The id of a search that was accepted over HTTP and whose orchestration was started."""
    answer = host.http("submit_job", demo_request() | changes)
    assert answer.status == 202, answer.body
    job_id: str = answer.body["job_id"]
    assert job_id in host.durable.started
    return job_id


def test_failure_43_the_worker_indexes_what_the_tables_of_the_app_say(host: Host) -> None:
    triggers = {name: _trigger(bindings) for name, bindings in host.functions().items()}
    of_kind: dict[str, dict[str, dict[str, Any]]] = {}
    for name, trigger in triggers.items():
        of_kind.setdefault(trigger["type"], {})[name] = trigger
    assert of_kind.keys() == {
        *("httpTrigger", "activityTrigger", "orchestrationTrigger"),
        *("queueTrigger", "timerTrigger"),
    }
    routes = {
        name: (one["route"], one["methods"], one["authLevel"])
        for name, one in of_kind["httpTrigger"].items()
    }
    expected = {one.name: (one.path, [one.method], "ANONYMOUS") for one in OPERATIONS}
    expected[UNKNOWN_ROUTE_NAME] = (UNKNOWN_ROUTE, [*METHODS], "ANONYMOUS")
    assert routes == expected
    assert of_kind["activityTrigger"].keys() == set(ActivityName)
    assert of_kind["orchestrationTrigger"].keys() == {ORCHESTRATOR, BATCH_ORCHESTRATOR}
    schedules = {
        name: (one["schedule"], one["runOnStartup"])
        for name, one in of_kind["timerTrigger"].items()
    }
    assert schedules == {name: (schedule, False) for name, schedule in TIMERS.items()}
    queues = {
        name: (one["queueName"], one["connection"]) for name, one in of_kind["queueTrigger"].items()
    }
    assert queues == {name: (queue, "AzureWebJobsStorage") for name, queue in QUEUES.items()}


def _trigger(bindings: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = [one for one in bindings if one["type"].endswith("Trigger")]
    return found


def test_failure_43_each_binding_is_named_by_one_lower_case_word(host: Host) -> None:
    names = {one["name"] for bindings in host.functions().values() for one in bindings}
    assert {name for name in names if not name.isalpha() or name != name.lower()} == {"$return"}


def test_failure_43_a_search_runs_from_its_submission_to_its_results(host: Host) -> None:
    job_id = submitted(host)
    done = host.follow(job_id, ActivityName.PREPARE_SEARCH)
    assert list(dict.fromkeys(done)) == SEARCH
    job = host.http("read_job", id=job_id)
    assert (job.status, job.body["status"]) == (200, "completed")
    known = {"if-none-match": job.headers["etag"]}
    assert host.http("read_job", id=job_id, headers=known).status == 304
    files = host.http("list_results", id=job_id).body["files"]
    assert files


def test_failure_43_a_search_is_cancelled_and_one_that_crashed_is_ended(host: Host) -> None:
    cancelled, crashed = submitted(host), submitted(host)
    assert host.http("cancel_job", id=cancelled).status == 202
    assert (cancelled, "cancel") in host.durable.events
    assert host.follow(cancelled, ActivityName.PREPARE_SEARCH)[-1] is ActivityName.CLEAN_UP_SEARCH
    assert host.http("read_job", id=cancelled).body["phase"] == "cancelled"
    host.step(ActivityName.RECORD_CRASH, ActivityInput(crashed, 1, "Exception: it died"))
    host.follow(crashed, ActivityName.CLEAN_UP_SEARCH, 2)
    assert host.http("read_job", id=crashed).body["error_code"] == "activity_crashed"


def test_failure_43_a_batch_makes_its_children_and_is_stopped(host: Host) -> None:
    query = demo_request()["query_data"]
    searches = [{"query_data": query}, {"query_data": query, "job_title": "two"}]
    common = {key: value for key, value in demo_request().items() if key != "query_data"}
    answer = host.http("submit_job", common | {"searches": searches})
    assert answer.status == 202, answer.body
    batch = answer.body["job_id"]
    assert (
        host.step(ActivityName.START_CHILDREN, ActivityInput(batch, 1)).next_stage
        is ActivityName.OBSERVE_CHILDREN
    )
    children = [one["job_id"] for one in host.http("list_children", id=batch).body["jobs"]]
    assert len(children) == 2 and {*children} <= host.durable.started.keys()
    assert (
        host.step(ActivityName.OBSERVE_CHILDREN, ActivityInput(batch, 2)).next_stage
        is ActivityName.OBSERVE_CHILDREN
    )
    assert host.http("cancel_job", id=batch).status == 202
    assert (
        host.step(ActivityName.CANCEL_CHILDREN, ActivityInput(batch, 3)).next_stage
        is ActivityName.CANCEL_CHILDREN
    )
    host.step(ActivityName.CANCEL_CHILDREN, ActivityInput(batch, 4))
    for child in children:
        assert host.follow(child, ActivityName.PREPARE_SEARCH)[-1] is ActivityName.CLEAN_UP_SEARCH
    host.follow(batch, ActivityName.CANCEL_CHILDREN, 5)
    assert host.http("read_job", id=batch).body["phase"] == "cancelled"


def test_failure_43_recorded_lives_are_lived_again_by_the_orchestrator(host: Host) -> None:
    for path in sorted(HISTORIES.glob("*/*.json")):
        found = difference_of(lambda text: host.orchestrate(ORCHESTRATOR, text), read_history(path))
        assert found is None, path.name


def test_failure_43_a_message_becomes_a_search_and_one_that_is_none_is_buried(host: Host) -> None:
    request = demo_request() | {"external_correlation_id": "worker-gate"}
    host.message("process_request", json.dumps(request), "message-1")
    assert len(host.durable.started) == 1
    host.message("process_poison_message", "no JSON", "message-2")


def test_failure_43_upkeep_runs(host: Host) -> None:
    host.tick("reconcile")
    host.tick("purge")
