"""R15: the queries of the workbook and the alerts, over the rows received of real runs.

What Azure's platform writes itself is made in the shape of its tables: the requests, from the spans
of the same functions, and the checks from outside. Alerts that need hours, or an orchestration that
is broken, are provoked by the app's telemetry alone, in tests/monitoring.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from itertools import pairwise
from typing import Any

import pytest
from azure.data.tables import TableClient, UpdateMode

from local.demo.client import RequestRejected
from shared.contracts.states import Phase
from shared.dependencies import JOBS_TABLE, REQUESTS
from tests.end_to_end.reporting import histories, reporting
from tests.faults.conftest import QUICK, ProxiedStack, behind_proxies
from tests.faults.fault_run import REFUSED, FaultRun, queue, refuse, run_with_faults
from tests.faults.faults import Fault, FaultKind, RequestFilter
from tests.monitoring.conditions import checks
from tests.monitoring.tables import Workspace
from tests.monitoring.test_alerts import fired
from tests.monitoring.test_queries import QUERIES
from tests.support.expected_metrics import Attributes, Total, expected_totals
from tests.support.ingestion import Row, ingesting

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]
OCCUPIED = (Phase.SUBMITTED, Phase.RUNNING)
TEXT = '{"program": "blastn"}'


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultRun]:
    """A healthy run: searches that end in each way, refusals, and a tick of reconcile."""
    with ingesting() as ingestion:
        folder = tmp_path_factory.mktemp("watched")
        with behind_proxies(reporting(folder, ingestion.connection_string, QUICK)) as system:
            run = FaultRun(system, ingestion)
            run_with_faults(system)
            refuse(system)
            run.reconciled()
            run.wait(lambda: run.is_complete() and run.refusals() == REFUSED)
            assert run.differences() == []
            yield run


@pytest.fixture(scope="module")
def healthy(run: FaultRun) -> list[Row]:
    """The rows of the healthy run."""
    return rows_of(run)


def rows_of(run: FaultRun, since: int = 0) -> list[Row]:
    """The rows that arrived after the first `since` ones, and those of the platform."""
    received = run.ingestion.all_rows()[since:]
    spans = [row for table, row in received if table == "AppDependencies"]
    return [*received, *(("AppRequests", request_of(span)) for span in spans), *checks(failed=0)]


def request_of(span: Mapping[str, Any]) -> dict[str, Any]:
    """The row that the host writes of the same function."""
    path = "/health" if span["Name"] in ("health", "ready") else f"/{span['Name']}"
    return {**span, "ResultCode": "200" if span["Success"] else "500", "Url": f"/api{path}"}


def shown(healthy: list[Row], query: str, job_id: str = "") -> list[dict[str, object]]:
    return Workspace(healthy).run(QUERIES[query].replace("{JobId}", job_id))


def test_r15_no_alert_fires_in_a_healthy_run(run: FaultRun, healthy: list[Row]) -> None:
    assert fired(healthy) == set()


def test_r15_the_life_of_each_search_is_its_history(run: FaultRun, healthy: list[Row]) -> None:
    for history in histories(run.system.stack):
        rows = shown(healthy, "search-life", history.job.job_id)
        assert [(row["Event"], row["Phase"]) for row in rows] == [
            (event.event, event.phase.value) for event in history.events
        ]
        assert [row["Before"] for row in rows[1:]] == [event.phase for event in history.events[:-1]]


def test_r15_counts_of_searches_and_failures_are_those_of_the_tables(
    run: FaultRun, healthy: list[Row]
) -> None:
    totals = expected_totals(histories(run.system.stack), Counter())
    ended, codes = Counter[str](), Counter[str]()
    for key, total in totals["blast.jobs.ended"].items():
        fields = dict(key)
        ended[fields["phase"]] += int(total.sum)
        codes[fields.get("error_code", "")] += int(total.sum)
    accepted = sum(total.sum for total in totals["blast.jobs.accepted"].values())
    rows = shown(healthy, "searches-accepted-and-ended")
    assert summed(rows, "What", "Searches") == {"accepted": accepted, **ended}
    assert summed(shown(healthy, "failures-by-code"), "Code", "Searches") == {
        code: number for code, number in codes.items() if code
    }
    retries = {dict(key)["code"]: total.sum for key, total in totals["blast.retries"].items()}
    assert summed(shown(healthy, "failures-retries"), "Code", "Retries") == retries
    assert summed(shown(healthy, "failures-refusals"), "Code", "Requests") == REFUSED


def summed(rows: list[dict[str, object]], by: str, column: str) -> dict[str, float]:
    sums = dict.fromkeys((str(row[by]) for row in rows), 0.0)
    for row in rows:
        sums[str(row[by])] += float(str(row[column]))
    return sums


def test_r15_times_are_those_of_the_histories(run: FaultRun, healthy: list[Row]) -> None:
    found = histories(run.system.stack)
    stays: dict[str, list[float]] = {}
    occupied: dict[str, float] = {}
    for history in found:
        entered = history.events[0].at
        for before, event in pairwise(history.events):
            seconds = (event.at - entered).total_seconds()
            stays.setdefault(before.phase.value, []).append(seconds)
            if before.phase in OCCUPIED:
                occupied[history.program] = occupied.get(history.program, 0) + seconds
            entered = event.at if event.phase is not before.phase else entered
    rows = shown(healthy, "waits-by-phase")
    assert {row["Phase"]: row["Times"] for row in rows} == {
        phase: len(each) for phase, each in stays.items()
    }
    longest = {row["Phase"]: row["Longest"] for row in rows}
    assert longest == pytest.approx({phase: max(each) for phase, each in stays.items()})
    hours = summed(shown(healthy, "cost-searches"), "Program", "Hours")
    assert hours == pytest.approx({name: seconds / 3600 for name, seconds in occupied.items()})
    assert_durations(shown(healthy, "waits-durations"), expected_totals(found, Counter()))


def assert_durations(
    rows: list[dict[str, object]], totals: Mapping[str, Mapping[Attributes, Total]]
) -> None:
    durations = {str(row["What"]): row for row in rows}
    for name in ("blast.submit.duration", "blast.first_batch.duration", "blast.submit_slot.wait"):
        (total,) = totals[name].values()
        assert durations[name]["Times"] == total.count
        assert durations[name]["Average"] == pytest.approx(total.sum / total.count)


def test_r15_upkeep_is_that_of_the_app(run: FaultRun, healthy: list[Row]) -> None:
    spans = [row for table, row in healthy if table == "AppDependencies"]
    names = Counter(str(row["Name"]) for row in spans)
    assert summed(shown(healthy, "upkeep-functions"), "Name", "Runs") == names
    (looks,) = shown(healthy, "clusters")
    assert (looks["Cluster"], looks["Outcome"]) == ("local", "ok")
    submitted = sum(len(each.events) > 0 for each in histories(run.system.stack)) - 1
    assert submitted <= int(str(looks["Looks"])) <= names["observe_search"]
    log = run.system.stack.host.log.read_text()
    done = Counter[str]()
    for result, number in re.findall(r"(\w+)=(\d+)", " ".join(re.findall(r"reconciled (.+)", log))):
        done[result] += int(number)
    assert summed(shown(healthy, "upkeep-reconcile"), "Result", "Searches") == done
    phases = {row["Phase"] for row in shown(healthy, "searches-by-phase")}
    assert phases == {phase.value for phase in Phase if not phase.is_end}
    assert {row["Queue"] for row in shown(healthy, "upkeep-queues")} == {
        *("blast.queue.length", "blast.poison.length")
    }
    assert all(float(str(row["Minutes"])) < 5 for row in shown(healthy, "waits-oldest"))


def test_r15_the_log_of_a_search_is_in_the_log_of_the_app(
    run: FaultRun, healthy: list[Row]
) -> None:
    log = run.system.stack.host.log.read_text()
    for history in histories(run.system.stack):
        for row in shown(healthy, "search-log", history.job.job_id):
            assert str(row["Text"]).splitlines()[0] in log


@contextmanager
def no_sidecar(run: FaultRun) -> Iterator[None]:
    stack = run.system.stack
    stack.sidecar.kill()
    job_ids = [run.system.submit() for _ in range(3)]
    run.wait(lambda: "sidecar" in fired(rows_of(run)))
    stack.sidecar = stack.start_sidecar()
    until_ended(run.system, job_ids)
    yield


@contextmanager
def wrong_token(run: FaultRun) -> Iterator[None]:
    restart_sidecar(run.system, {"EXEC_TOKEN": "another-token-" * 4})
    job_id = run.system.submit()
    run.system.until_event(job_id, "retry_scheduled")
    restart_sidecar(run.system, {})
    until_ended(run.system, [job_id])
    yield


def restart_sidecar(system: ProxiedStack, settings: Mapping[str, str]) -> None:
    system.stack.sidecar.kill()
    system.stack.sidecar_settings = settings
    system.stack.sidecar = system.stack.start_sidecar()


def until_ended(system: ProxiedStack, job_ids: list[str]) -> None:
    for job_id in job_ids:
        system.until_in(job_id, Phase.COMPLETED)


@contextmanager
def refusing_storage(run: FaultRun) -> Iterator[None]:
    """A role is missing: requests fail, too, but too few of them for an alert of their own."""
    where = RequestFilter("table", "GET")
    refused = run.system.faults(Fault(FaultKind.STATUS, where, status=403))
    with refused, pytest.raises(RequestRejected, match="503"):
        run.system.api.jobs()
    yield


@contextmanager
def failing_requests(run: FaultRun) -> Iterator[None]:
    """Tables answers with 503: the SDK tries again, and the request fails."""
    where = RequestFilter("table", "GET")
    with run.system.faults(Fault(FaultKind.STATUS, where, times=None, status=503)):
        for _ in range(6):
            with pytest.raises(RequestRejected, match="503"):
                run.system.api.jobs()
    yield


@contextmanager
def damaged_row(run: FaultRun) -> Iterator[None]:
    """A row without its owner, which no version writes: the request that reads it crashes."""
    job_id = run.system.submit()
    until_ended(run.system, [job_id])
    connection = run.system.stack.azurite.connection_string
    with TableClient.from_connection_string(connection, JOBS_TABLE) as table:
        row = table.get_entity(job_id, "job")
        table.update_entity(
            {name: row[name] for name in row if name != "owner_oid"}, UpdateMode.REPLACE
        )
        with pytest.raises(RequestRejected, match="500"):
            run.system.api.job(job_id)
        table.update_entity(row, UpdateMode.REPLACE)
    yield


@contextmanager
def waiting_messages(run: FaultRun) -> Iterator[None]:
    """More than a hundred messages, and a poisoned one, through five ticks of reconcile."""
    with queue(run.system) as requests, queue(run.system, f"{REQUESTS}-poison") as poison:
        for _ in range(101):
            requests.send_message(TEXT, visibility_timeout=3600)
        poison.send_message(TEXT, visibility_timeout=3600)
        for _ in range(5):
            run.reconciled()
        yield
        requests.clear_messages()
        poison.clear_messages()


TROUBLES: Mapping[str, tuple[Callable[[FaultRun], AbstractContextManager[None]], set[str]]] = {
    "the sidecar is away": (no_sidecar, {"sidecar"}),
    "the sidecar refuses the token": (wrong_token, {"configuration"}),
    "storage refuses the app": (refusing_storage, {"storage"}),
    "requests fail": (failing_requests, {"5xx"}),
    "a request crashes": (damaged_row, {"failures-by-us"}),
    "messages wait": (waiting_messages, {"queue-backlog", "poison"}),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_r15_an_alert_fires_at_a_real_trouble(
    run: FaultRun, healthy: list[Row], trouble: str
) -> None:
    provoke, alerts = TROUBLES[trouble]
    run.reconciled()
    since = len(run.ingestion.items)
    with provoke(run):
        run.reconciled()
        run.wait(lambda: alerts <= fired(rows_of(run, since)))
        assert fired(rows_of(run, since)) == alerts
