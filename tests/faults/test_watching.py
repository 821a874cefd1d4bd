"""R15: the queries of the workbook and the alerts, over the rows received of real runs.

What Azure's platform writes itself is made in the shape of its tables: the requests, from the spans
of the same functions, and the checks from outside.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise

import pytest

from shared.contracts.states import Phase
from tests.end_to_end.reporting import histories, reporting
from tests.faults.conftest import QUICK, behind_proxies
from tests.faults.fault_run import REFUSED, FaultRun, refuse, run_with_faults
from tests.faults.troubles import TROUBLES, rows_of
from tests.monitoring.tables import Workspace
from tests.monitoring.test_alerts import fired
from tests.monitoring.test_queries import QUERIES
from tests.support.expected_metrics import Attributes, Total, expected_totals
from tests.support.ingestion import Row, ingesting

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]
OCCUPIED = (Phase.SUBMITTED, Phase.RUNNING)


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


@pytest.mark.parametrize("trouble", TROUBLES)
def test_r15_an_alert_fires_at_a_real_trouble(
    run: FaultRun, healthy: list[Row], trouble: str
) -> None:
    provoke, alerts = TROUBLES[trouble]
    with provoke(run) as since:
        run.reconciled()
        run.wait(lambda: alerts <= fired(rows_of(run, since)))
        assert fired(rows_of(run, since)) == alerts
