"""Runs each row of the fault matrix on the stack."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from shared.contracts.states import Phase
from tests.faults.conftest import TINY, ProxiedStack
from tests.faults.crashes import RetryingClient
from tests.faults.faults import FaultKind, RequestFilter
from tests.faults.matrix import COVERED_BY, MATRIX
from tests.faults.rows import SUBMIT, Row, refused, status

TESTS = Path(__file__).parents[1]
RecordProperty = Callable[[str, object], None]


def rows(quick: bool) -> list[ParameterSet]:
    return [pytest.param(row, id=str(row)) for row in MATRIX if row.quick == quick]


@pytest.mark.acceptance
@pytest.mark.parametrize("row", rows(quick=True))
def test_a_quick_row_has_its_end(system: ProxiedStack, row: Row) -> None:
    run_row(system, row)


@pytest.mark.faults
@pytest.mark.parametrize("row", rows(quick=False))
def test_every_row_has_its_end(
    system: ProxiedStack, row: Row, record_property: RecordProperty
) -> None:
    record_property("summary", str(row))
    run_row(system, row)


def run_row(system: ProxiedStack, row: Row) -> None:
    """Run one job with the row's faults, and assert the row's end."""
    key = system.new_key()
    job_id, retrying_client = system.id_of(key), RetryingClient(system)
    system.add_rules(*(replace(rule, key=job_id) for rule in row.rules))
    faults = [fault if row.all_jobs else fault.of(job_id) for fault in row.faults]
    if row.faults_from:
        retrying_client.send(lambda: system.submit(key))
        system.until_in(job_id, row.faults_from)
    with system.faults(*faults) as active_faults:
        for _ in range(1 + row.twice if not row.faults_from else 0):
            retrying_client.send(lambda: system.submit(key))
        if row.removed_after:
            system.until_event(job_id, row.removed_after)
        else:
            _act(system, row, job_id, retrying_client)
    if row.removed_after:
        _act(system, row, job_id, retrying_client)
    assert all(active.met or active.fault.kind is FaultKind.REFUSE for active in active_faults), (
        "no request met the fault"
    )
    _assert_end(system, row, job_id)


def _act(system: ProxiedStack, row: Row, job_id: str, retrying_client: RetryingClient) -> None:
    """Cancel or restart as the row says, and follow the job to its end."""
    if row.cancel_in:
        system.until_in(job_id, row.cancel_in)
        retrying_client.send(lambda: system.api.cancel(job_id))
    if row.cancel_after:
        system.until_event(job_id, row.cancel_after)
        retrying_client.send(lambda: system.api.cancel(job_id))
    if row.restart_in:
        system.until_in(job_id, row.restart_in)
        system.restart_host()
    retrying_client.follow(job_id)


def _assert_end(system: ProxiedStack, row: Row, job_id: str) -> None:
    job, events = system.api.job(job_id), system.events(job_id)
    assert (job["exact_phase"], job.get("error_code")) == (row.end, row.code), events
    assert [event for event in events if event in set(Phase) and Phase(event).is_end] == [row.end]
    assert events[0] == "accepted"
    assert events[-1] == row.end
    assert set(row.must) <= set(events)
    assert not set(row.must_not) & set(events)
    allowed = (0, 1) if row.submissions is None else (row.submissions,)
    assert system.submissions(job_id) in allowed
    assert system.listed(job_id)["exact_phase"] == row.end, "the list agrees with the job"
    if row.end is Phase.COMPLETED:
        system.assert_results(job_id, batches=1)
    if row.end is Phase.CANCELLED:
        system.assert_nothing_is_left(job_id)


REFUSED_ROW = Row(
    6,
    "the sidecar answers 413 to every submission",
    Phase.SUBMIT_FAILED,
    "sidecar_413",
    faults=(refused(413, SUBMIT, None),),
    submissions=0,
)


UNUSED = RequestFilter("cluster", "PATCH")
"""A request that the app never sends."""


@pytest.mark.acceptance
@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"faults": (*REFUSED_ROW.faults, status(503, UNUSED))}, "no request met"),
        ({"end": Phase.COMPLETED, "code": None}, "submit_failed"),
        ({"must": ("retry_scheduled",)}, "retry_scheduled"),
        ({"must_not": ("config_written",)}, "config_written"),
        ({"submissions": 1}, "assert 0"),
    ],
    ids=["fault", "end", "must", "must not", "submissions"],
)
def test_a_wrong_row_fails(system: ProxiedStack, change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        run_row(system, replace(REFUSED_ROW, **change))


@pytest.mark.acceptance
def test_the_proxies_record_the_statuses_of_a_row(system: ProxiedStack) -> None:
    before = len(system.proxies.requests)
    run_row(system, REFUSED_ROW)
    calls = [call for call in system.proxies.requests[before:] if call in SUBMIT]
    assert [system.proxies.statuses[call.number] for call in calls] == [413]


def test_every_failure_of_the_app_is_covered() -> None:
    rows, others = {row.failure for row in MATRIX}, COVERED_BY.keys()
    assert rows | others >= set(range(1, 38))


def test_every_test_listed_for_a_failure_exists() -> None:
    source = "\n".join(path.read_text() for path in TESTS.rglob("test_*.py"))
    existing = set(re.findall(r"^(?:async )?def (test_\w+)\(", source, re.M))
    assert {name for names in COVERED_BY.values() for name in names} <= existing


def test_the_descriptions_of_the_rows_differ() -> None:
    descriptions = [str(row) for row in MATRIX]
    assert len(set(descriptions)) == len(descriptions)


@pytest.mark.acceptance
def test_failure_22_state_and_logs_contain_no_secret_and_no_sequence(system: ProxiedStack) -> None:
    job_id = system.submit()
    system.ended(job_id)
    sequence = TINY["query_data"].splitlines()[1].encode()
    secrets = [path.read_bytes() for path in system.stack.folder.glob("*.token")]
    places = {path.name: path.read_bytes() for path in system.stack.folder.glob("durable.sqlite*")}
    places["log"] = (system.stack.folder / "logs" / "functions.log").read_bytes()
    places["rows"] = repr(system.rows(job_id)).encode()
    assert len(secrets) == 2
    assert job_id.encode() in places["log"]
    for place, content in places.items():
        for word in (sequence, *secrets):
            assert word not in content, f"{place} has a secret or a sequence"
