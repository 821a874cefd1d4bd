"""What a transition says to operators: the fields of its event, and its measurements."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from shared.contracts.activities import Category
from shared.contracts.job import Counts, Event, Job
from shared.contracts.states import Phase
from shared.jobs.transitions import changed, next_attempt
from shared.telemetry.names import (
    ATTRIBUTES,
    JOBS_ENDED,
    METRICS,
    TRANSITION_FIELDS,
)
from shared.telemetry.transitions import Measurement, measurements, transition_fields
from tests.support.samples import NOON, job


def after(seconds: float, before: Job, **changes: Any) -> Job:
    return changed(before, changes, NOON + timedelta(seconds=seconds))


def event(of: Job, name: str = "moved", **payload: Any) -> Event:
    return Event(of.job_id, of.sequence, name, of.updated_at, of.phase, payload)


def values(before: Job | None, now: Job, name: str = "moved", **payload: Any) -> dict[str, Any]:
    """By metric, the value and the attributes."""
    found = measurements(before, now, event(now, name, **payload))
    return {each.metric.name: (each.value, dict(each.attributes)) for each in found}


def test_an_accepted_job_is_counted() -> None:
    new = job()
    source = {"source": "http", "program": "blastn"}
    assert values(None, new, "accepted") == {"blast.jobs.accepted": (1, source)}
    fields = transition_fields(None, new, event(new, "accepted"))
    assert fields == {
        "job_id": new.job_id,
        "attempt": 1,
        "event": "accepted",
        "phase": "queued",
        "program": "blastn",
        "cluster": "elb-cluster-01",
        "source": "http",
        "seconds_in_phase": 0.0,
    }


def test_a_batch_of_searches_is_counted_as_one() -> None:
    batch = job(child_count=3)
    program = values(None, batch)["blast.jobs.accepted"][1]["program"]
    assert program == "batch" == transition_fields(None, batch, event(batch))["program"]


def test_the_time_in_a_phase_counts_from_its_last_entry() -> None:
    submitting = after(5, job(), phase=Phase.SUBMITTING)
    retrying = after(9, submitting, phase=Phase.RETRYING)
    again = after(20, retrying, phase=Phase.SUBMITTING)
    still = after(23, again, phase=Phase.SUBMITTING)
    last = after(30, still, phase=Phase.SUBMITTED)
    steps = [job(), submitting, retrying, again, still, last]
    seconds = [
        transition_fields(before, now, event(now))["seconds_in_phase"]
        for before, now in pairwise(steps)
    ]
    assert seconds == [5.0, 4.0, 11.0, 3.0, 10.0]


def test_a_retry_is_counted_by_category_and_code() -> None:
    before = after(1, job(), phase=Phase.SUBMITTING)
    now = after(2, before, phase=Phase.RETRYING, error_code="sidecar_unavailable")
    payload = {"category": Category.TRANSIENT.value, "error_code": "sidecar_unavailable"}
    expected = {"category": "transient", "code": "sidecar_unavailable"}
    assert values(before, now, "retry_scheduled", **payload) == {"blast.retries": (1, expected)}
    fields = transition_fields(before, now, event(now, "retry_scheduled", **payload))
    assert fields["category"] == "transient" and fields["error_code"] == "sidecar_unavailable"


def test_each_wait_for_the_slot_and_each_submission_is_measured() -> None:
    waiting = after(3, job(), phase=Phase.WAITING_FOR_SUBMIT_SLOT)
    assert values(waiting, after(5, waiting, reason="waits")) == {}
    landed = after(10, waiting, phase=Phase.SUBMITTED)
    assert values(waiting, landed, "submitted", took_seconds=4.5) == {
        "blast.submit_slot.wait": (7.0, {}),
        "blast.submit.duration": (4.5, {}),
    }
    assert "blast.submit.duration" not in values(waiting, landed, "submitted", took_seconds=0.0)


@pytest.mark.parametrize("children", [0, 2], ids=["search", "batch"])
def test_the_first_batch_of_a_search_is_measured_once(children: int) -> None:
    begun = job(phase=Phase.RUNNING, started_at=NOON, child_count=children)
    first = after(40, begun, counts=Counts(3, 1, 0, 2))
    second = after(50, first, counts=Counts(3, 2, 0, 1))
    found = [values(*pair) for pair in ((begun, first), (first, second))]
    assert found == ([{}, {}] if children else [{"blast.first_batch.duration": (40.0, {})}, {}])


def test_the_end_of_each_attempt_is_counted_once_with_its_duration() -> None:
    failing = job(phase=Phase.CANCELLING)
    ended = after(60, failing, phase=Phase.SEARCH_FAILED, error_code="search_failed")
    attributes = {"phase": "search_failed", "error_code": "search_failed", "program": "blastn"}
    assert values(failing, ended) == {
        "blast.jobs.ended": (1, attributes),
        "blast.job.duration": (60.0, {"phase": "search_failed"}),
    }
    assert values(ended, replace(ended, phase=Phase.DELETED)) == {}
    retried = next_attempt(ended, 2, NOON + timedelta(seconds=100), timedelta(hours=1))
    assert values(ended, retried) == {}
    later = replace(retried, phase=Phase.EXPORTING_RESULTS)
    completed = values(later, after(130, later, phase=Phase.COMPLETED))
    assert completed["blast.job.duration"] == (30.0, {"phase": "completed"})


def test_a_measurement_has_exactly_the_attributes_of_its_metric() -> None:
    with pytest.raises(ValueError, match=r"blast\.jobs\.ended"):
        Measurement(JOBS_ENDED, 1, {"phase": "completed"})


def test_the_names_are_complete() -> None:
    assert {name for metric in METRICS for name in metric.attributes} == set(ATTRIBUTES)
    assert len({metric.name for metric in METRICS}) == len(METRICS) == 14
    whole = after(1, job(phase=Phase.SUBMITTING), phase=Phase.RETRYING, error_code="x")
    retry = event(whole, "retry_scheduled", category="transient")
    assert list(transition_fields(job(), whole, retry)) == list(TRANSITION_FIELDS)
