"""Reports: at once or once telemetry is configured, in their order; never an error for a job."""

from contextvars import ContextVar

import pytest

from shared.contracts.job import Event
from shared.telemetry.backlog import LONGEST, Backlog
from shared.telemetry.names import JOBS_ACTIVE, OBSERVE_DURATION, REFUSALS, TRANSITION
from shared.telemetry.telemetry import CUSTOM_EVENT, Telemetry
from shared.telemetry.tracing import in_trace
from tests.support.reports import Reports
from tests.support.samples import NOON, job

TRACE_PARENT = f"00-{'a' * 32}-{'b' * 16}-01"


def test_values_of_metrics_are_added_by_attributes() -> None:
    reports = Reports()
    telemetry = reports.telemetry()
    for code, times in (("too_many", 2), ("invalid", 1)):
        for _ in range(times):
            telemetry.measure(REFUSALS, 1, code=code)
    for number in (3, 5):
        telemetry.measure(JOBS_ACTIVE, number, phase="running")
    telemetry.measure(OBSERVE_DURATION, 0.5, cluster="one", outcome=None)
    refusals = reports.values("blast.refusals")
    assert refusals == {frozenset({("code", "too_many")}): 2, frozenset({("code", "invalid")}): 1}


def test_a_gauge_has_its_last_value() -> None:
    reports = Reports()
    telemetry = reports.telemetry()
    for number in (3, 5):
        telemetry.measure(JOBS_ACTIVE, number, phase="running")
    assert reports.values("blast.jobs.active") == {frozenset({("phase", "running")}): 5}


def test_a_gauge_is_exported_once_for_each_time_that_it_is_set() -> None:
    """Else a process that no longer runs reconcile would go on to say that all is well."""
    reports = Reports()
    telemetry = reports.telemetry()
    telemetry.measure(JOBS_ACTIVE, 3, phase="running")
    telemetry.measure(JOBS_ACTIVE, 1, phase="queued")
    names = [[each.name for each in reports.collect()] for _ in range(2)]
    assert names == [["blast.jobs.active"], []]
    telemetry.measure(JOBS_ACTIVE, 3, phase="running")
    assert [each.name for each in reports.collect()] == ["blast.jobs.active"]
    assert reports.values("blast.jobs.active")[frozenset({("phase", "running")})] == 3


def test_a_wrong_attribute_is_a_bug() -> None:
    with pytest.raises(ValueError, match=r"blast\.refusals"):
        Telemetry().measure(REFUSALS, 1, phase="running")


def test_reports_from_before_the_configuration_follow_in_their_order() -> None:
    reports = Reports()
    telemetry = reports.telemetry(is_configured=False)
    for number, name in enumerate(("accepted", "submitting", "submitted"), 1):
        one = job(sequence=number)
        telemetry.transition(None, one, Event(one.job_id, number, name, NOON, one.phase, {}))
    assert reports.events() == []
    telemetry.backlog.open()
    last = job(sequence=4)
    telemetry.transition(None, last, Event(last.job_id, 4, "running", NOON, last.phase, {}))
    names = [event["event"] for event in reports.events()]
    assert names == ["accepted", "submitting", "submitted", "running"]
    assert {event[CUSTOM_EVENT] for event in reports.events()} == {TRANSITION}


def test_a_waiting_report_is_made_within_its_own_context() -> None:
    place, seen, backlog = ContextVar("place", default=""), [], Backlog(is_open=False)
    for name in ("one", "two"):
        place.set(name)
        backlog.report(lambda: seen.append(place.get()))
    backlog.open()
    assert seen == ["one", "two"]


def test_reports_of_reports_are_made_too_and_the_backlog_is_bounded() -> None:
    seen: list[int] = []
    backlog = Backlog(is_open=False)
    for number in range(LONGEST + 5):
        backlog.report(lambda number=number: seen.append(number))  # type: ignore[misc]
    backlog.report(lambda: backlog.report(lambda: seen.append(-1)))
    backlog.open()
    assert seen[0] == 6 and seen[-1] == -1 and len(seen) == LONGEST


def test_a_bug_in_a_report_does_not_reach_the_job(caplog: pytest.LogCaptureFixture) -> None:
    broken = Event(job().job_id, 1, "accepted", None, job().phase, {})  # type: ignore[arg-type]
    Reports().telemetry().transition(job(), job(), broken)
    assert "transition_not_reported" in caplog.text


def test_a_report_that_fails_does_not_reach_the_job(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(record: object) -> None:
        raise ValueError("a processor of log records has a bug")

    telemetry = Reports().telemetry()
    monkeypatch.setattr(telemetry._logger, "emit", fail)
    telemetry.transition(None, job(), Event(job().job_id, 1, "accepted", NOON, job().phase, {}))
    assert "transition_not_reported" in caplog.text


def test_a_transition_belongs_to_the_trace_of_its_job() -> None:
    reports = Reports()
    one = job(trace_parent=TRACE_PARENT)
    event = Event(one.job_id, 1, "accepted", NOON, one.phase, {})
    reports.telemetry().transition(None, one, event)
    assert reports.traces() == [f"{'a' * 32}"]
    assert in_trace(None) is not None
