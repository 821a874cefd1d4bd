"""What operators see of real searches: the stack with Azure Monitor's real distribution.

The endpoint is a loopback one; everything else runs as in `make demo`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Any

import pytest

from local.demo.client import RequestRejected
from local.demo.queries import demo_queries
from local.demo.search import demo_request
from local.elastic_blast.fault_rules import FaultRule, JobFaultRule
from shared.contracts.activities import ActivityName
from shared.util.version import VERSION
from tests.end_to_end.conftest import ONE_BATCH, StackFixture, started
from tests.end_to_end.reporting import reporting
from tests.end_to_end.test_secrets import secrets_of
from tests.support.ingestion import Ingestion, ingesting
from tests.support.samples import WORDS
from triggers.auth.callers import LOCAL

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]
WINDOW = 30
"""Letters of a query that must not be found anywhere."""


@dataclass(frozen=True)
class Run:
    """The searches of a run that is over: their tables, and what was sent of them."""

    ingestion: Ingestion
    jobs: dict[str, dict[str, Any]]
    events: dict[str, list[dict[str, Any]]]
    secrets: list[bytes]

    def rows(self, table: str, job_id: str) -> list[dict[str, Any]]:
        rows = self.ingestion.rows(table)
        return [row for row in rows if row["Properties"].get("job_id") == job_id]

    def sums(self, metric: str, *attributes: str) -> Counter[tuple[str, ...]]:
        """The sums of a counter by these attributes; of a histogram, the number of values."""
        sums = Counter[tuple[str, ...]]()
        for row in self.ingestion.rows("AppMetrics", metric):
            key = tuple(row["Properties"].get(name, "") for name in attributes)
            sums[key] += row["Sum"] if attributes else row["ItemCount"]
        return sums


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A search that completes, one after a retry, one that fails, one cancelled, and a batch."""
    with ingesting() as ingestion:
        stack = reporting(tmp_path_factory.mktemp("telemetry"), ingestion.connection_string)
        with started(stack) as system:
            secrets = secrets_of(system.stack.folder)
            while not ingestion.wait(lambda: bool(ingestion.rows("AppDependencies")), 1):
                system.api.ready()  # its span is sent once telemetry is configured
            ids = _search(system)
            jobs = {job_id: system.api.job(job_id) for job_id in ids}
            events = {job_id: system.api.events(job_id) for job_id in ids}
            assert ingestion.wait(lambda: _has_arrived(ingestion, events), 60)
        yield Run(ingestion, jobs, events, secrets)


def _search(system: StackFixture) -> list[str]:
    answer = {"category": "transient", "message": "the API server did not answer"}
    retried = system.add_fault(lambda id: FaultRule(id, call=1, answer=answer, exit_code=10))
    fails = JobFaultRule(fail_attempts=9, stderr=WORDS)
    failed = system.add_fault(lambda id: FaultRule(id, jobs=fails))
    ids = [system.submit(), system.submit(retried), system.submit(failed, batch_len=ONE_BATCH)]
    hanging = system.add_fault(lambda id: FaultRule(id, jobs=JobFaultRule(hang=True)))
    cancelled = system.submit(hanging)
    system.in_phase(cancelled, "running")
    system.api.cancel(cancelled)
    query = demo_queries()
    searches = [{"query_data": query, "job_title": f"search {number}"} for number in (1, 2)]
    body = {name: value for name, value in demo_request().items() if name != "query_data"}
    batch = system.api.submit(body | {"searches": searches, "batch_len": ONE_BATCH})["job_id"]
    for job_id in (*ids, cancelled, batch):
        system.ended(job_id)
    with pytest.raises(RequestRejected):
        system.api.submit(demo_request() | {"program": "blastz"})
    system.reconcile()
    children = [child["job_id"] for child in system.api.children(batch)["jobs"]]
    return [*ids, cancelled, batch, *children]


def test_the_reported_transitions_are_the_events_of_the_histories(run: Run) -> None:
    assert run.ingestion.faults == []
    assert len(run.jobs) == 7
    for job_id, events in run.events.items():
        rows = [row["Properties"] for row in run.rows("AppEvents", job_id)]
        assert [row["event"] for row in rows] == [event["event"] for event in events]
        assert [row["phase"] for row in rows] == [event["phase"] for event in events]
        assert rows[-1]["phase"] == run.jobs[job_id]["exact_phase"]


def test_a_search_has_one_trace_from_its_request_to_its_last_step(run: Run) -> None:
    names = Counter[str]()
    for job_id in run.jobs:
        spans = run.rows("AppDependencies", job_id)
        steps = [row for row in spans if row["Name"] in {"submit_job", *ActivityName}]
        names.update(row["Name"] for row in steps)
        assert {"submit_search", "start_children"} & {row["Name"] for row in steps}
        traces = {row["OperationId"] for row in (*steps, *run.rows("AppEvents", job_id))}
        assert len(traces) == 1
    assert names["submit_job"] == 5
    assert names["collect_results"] >= 4 and names["clean_up_search"] >= 2


def test_each_record_that_names_a_job_has_its_id_as_a_field(run: Run) -> None:
    named = 0
    for item in run.ingestion.items:
        data = item["data"]["baseData"]
        in_text = {id for id in run.jobs if id in str(data.get("message", data.get("name", "")))}
        named += bool(in_text)
        assert not in_text or (data.get("properties") or {}).get("job_id") in in_text
        assert item["tags"]["ai.application.ver"] == VERSION
    spans = run.ingestion.rows("AppDependencies")
    activities = [row for row in spans if row["Name"] in set(ActivityName)]
    assert {row["Properties"].get("job_id") for row in activities} == set(run.jobs)


def test_no_query_caller_or_secret_is_in_any_byte(run: Run) -> None:
    sent = b"".join(run.ingestion.bodies)
    assert b"blast.transition" in sent
    letters = "".join(line for line in demo_queries().splitlines() if not line.startswith(">"))
    windows = {letters[at : at + WINDOW] for at in range(0, len(letters) - WINDOW, WINDOW // 2)}
    assert [window for window in windows if window.encode() in sent] == []
    forbidden = [LOCAL.upn.encode(), b"sig=", b"Bearer ", *run.secrets]
    assert [text for text in forbidden if text in sent] == []
    texts = [text for item in run.ingestion.items for text in _texts(item)]
    assert [text for text in texts if "://" in text and "?" in text.partition("://")[2]] == []


def test_the_metrics_are_what_the_tables_say(run: Run) -> None:
    jobs, events = run.jobs.values(), [event for each in run.events.values() for event in each]
    names = Counter(event["event"] for event in events)
    accepted = run.sums("blast.jobs.accepted", "source", "program")
    assert accepted == {("http", "blastn"): 6, ("http", "batch"): 1}
    ended = run.sums("blast.jobs.ended", "phase", "error_code")
    assert ended == Counter((job["exact_phase"], job.get("error_code") or "") for job in jobs)
    assert run.sums("blast.job.duration")[()] == len(run.jobs)
    retries = [event["payload"] for event in events if event["event"] == "retry_scheduled"]
    expected = Counter((each["category"], each["error_code"]) for each in retries)
    assert run.sums("blast.retries", "category", "code") == expected and expected
    took = [e["payload"]["took_seconds"] for e in events if e["event"] == "submitted"]
    assert run.sums("blast.submit.duration")[()] == sum(seconds > 0 for seconds in took)
    assert run.sums("blast.submit_slot.wait")[()] == names["waiting_for_submit_slot"]
    assert sum(run.sums("blast.refusals", "code").values()) == 1
    assert set(run.sums("blast.observe.duration", "cluster", "outcome")) == {("local", "ok")}
    for gauge in ("blast.queue.length", "blast.poison.length", "blast.oldest_waiting"):
        assert run.ingestion.rows("AppMetrics", gauge)[-1]["Sum"] == 0
    active = run.ingestion.rows("AppMetrics", "blast.jobs.active")
    last = {row["Properties"]["phase"]: row["Sum"] for row in active}
    assert set(last.values()) == {0} and len(last) > 8


@pytest.mark.parametrize("trouble", ["down", "slow", "refusing"])
def test_an_endpoint_that_fails_costs_no_search(tmp_path: Path, trouble: str) -> None:
    with ingesting() as ingestion:
        connection = ingestion.connection_string
        if trouble == "down":
            connection = connection.replace(ingestion.url, f"http://127.0.0.1:{_closed_port()}/")
        ingestion.hangs, ingestion.status = trouble == "slow", 403
        with started(reporting(tmp_path, connection)) as system:
            try:
                for job_id in [system.submit() for _ in range(3)]:
                    assert system.ended(job_id)["phase"] == "completed"
            finally:
                ingestion.stopping.set()
        assert ingestion.items == []


def _has_arrived(ingestion: Ingestion, events: Mapping[str, Sequence[Any]]) -> bool:
    """Whether all events are there, the metric of each end, the spans of the last polls, and the
    gauges of reconcile."""
    reported = Counter(row["Properties"]["job_id"] for row in ingestion.rows("AppEvents"))
    ends = sum(row["Sum"] for row in ingestion.rows("AppMetrics", "blast.jobs.ended"))
    spans = {row["Name"] for row in ingestion.rows("AppDependencies")}
    polled = {row["Properties"].get("job_id") for row in ingestion.rows("AppDependencies")}
    is_counted = bool(ingestion.rows("AppMetrics", "blast.oldest_waiting"))
    are_reported = all(reported[job_id] >= len(each) for job_id, each in events.items())
    has_spans = {"reconcile", "list_children"} <= spans and events.keys() <= polled
    return are_reported and ends >= len(events) and is_counted and has_spans


def _closed_port() -> int:
    with closing(socket()) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _texts(value: Any) -> Iterator[str]:
    """All texts of JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
