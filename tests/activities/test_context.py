"""What every step has in common, on a real job store."""

from datetime import timedelta
from typing import Any

import pytest

from activities.context import Desk
from activities.crash import Record
from shared.contracts.activities import Order, Report, Verb
from shared.contracts.job import Job, Verdict
from shared.contracts.states import Phase
from shared.errors import Unavailable
from shared.jobs import JobStateRepository
from tests.shared.jobs.conftest import Clock, clock, jobs  # noqa: F401  fixtures
from tests.support.samples import job, settings

DONE = Report(Phase.SUBMITTING, Verb.SUBMIT, timedelta(seconds=3), {"done": 1})


@pytest.fixture
def desk(jobs: JobStateRepository, clock: Clock) -> Desk:  # noqa: F811
    return Desk(jobs, settings(), clock, lambda job: None)


def configured(desk: Desk, one: Job, order: Order) -> Report:
    desk.jobs.update(one.job_id, "configured", step=order.step, report=DONE, phase=Phase.SUBMITTING)
    return DONE


def test_a_step_that_runs_again_answers_what_it_answered(desk: Desk) -> None:
    one = desk.jobs.create(job(), {})
    times = []

    def work(found: Job, order: Order) -> Report:
        times.append(order.step)
        return configured(desk, found, order)

    answers = [desk.take(Verb.PREPARE, Order(one.job_id, 1), work) for _ in range(3)]
    assert answers == [DONE] * 3
    assert times == [1]
    assert len(desk.jobs.events(one.job_id)) == 2


def never(found: Job, order: Order) -> Report:
    raise AssertionError("this step must not be taken")


def test_a_job_that_has_ended_takes_no_step(desk: Desk) -> None:
    one = desk.jobs.create(job(phase=Phase.COMPLETED), {})
    assert desk.take(Verb.OBSERVE, Order(one.job_id, 9), never) == Report(Phase.COMPLETED, None)


@pytest.mark.parametrize("verb", [verb for verb in Verb if verb not in (Verb.CANCEL, Verb.FAIL)])
def test_a_cancel_that_was_asked_for_comes_before_every_step(desk: Desk, verb: Verb) -> None:
    one = desk.jobs.create(job(), {})
    desk.jobs.update(one.job_id, "cancel_requested", cancel_requested_at=desk.now())
    assert desk.take(verb, Order(one.job_id, 1), never).next is Verb.CANCEL


def test_failure_31_a_job_past_its_deadline_is_cleared_away(desk: Desk, clock: Clock) -> None:  # noqa: F811
    one = desk.jobs.create(job(), {})
    clock.move(48 * 3600)
    assert desk.take(Verb.OBSERVE, Order(one.job_id, 1), never).next is Verb.CANCEL


def test_a_store_that_is_away_lets_the_step_be_taken_again(desk: Desk) -> None:
    one = desk.jobs.create(job(), {})

    def work(found: Job, order: Order) -> Report:
        raise Unavailable("storage_unavailable", "away")

    report = desk.take(Verb.COLLECT, Order(one.job_id, 1), work)
    assert (report.next, report.wait) == (Verb.COLLECT, timedelta(seconds=15))


@pytest.mark.parametrize(
    ("before", "end"),
    [
        ({"phase": Phase.SUBMITTING}, Phase.SUBMIT_FAILED),
        ({"phase": Phase.RUNNING, "started_at": job().created_at}, Phase.SEARCH_FAILED),
    ],
)
def test_a_step_that_kept_crashing_condemns_the_job_with_its_text(
    desk: Desk, before: dict[str, Any], end: Phase
) -> None:
    one = desk.jobs.create(job(**before), {})
    report = Record(desk).fail(Order(one.job_id, 7, "KeyError: 'x'"))
    now = desk.jobs.get(one.job_id)
    assert (report.next, now.phase) == (Verb.CANCEL, Phase.CANCELLING)
    assert now.verdict == Verdict(end, "crashed", "KeyError: 'x'", desk.now())


def test_a_condemned_job_whose_clearing_keeps_crashing_ends_all_the_same(
    desk: Desk,
    clock: Clock,  # noqa: F811
) -> None:
    verdict = Verdict(Phase.SEARCH_FAILED, "search_failed", "a batch failed", clock())
    one = desk.jobs.create(job(phase=Phase.CANCELLING, verdict=verdict), {})
    assert Record(desk).fail(Order(one.job_id, 7, "boom")).next is Verb.CANCEL
    clock.move(601)
    assert Record(desk).fail(Order(one.job_id, 8, "boom")).next is None
    now = desk.jobs.get(one.job_id)
    assert (now.phase, now.error_code) == (Phase.SEARCH_FAILED, "search_failed")
    assert desk.jobs.events(one.job_id)[-1].payload["left_on_cluster"] == "unknown"


def test_a_cancel_that_keeps_crashing_is_not_called_cancelled(desk: Desk) -> None:
    asked = job(phase=Phase.CANCELLING, cancel_requested_at=job().created_at)
    one = desk.jobs.create(asked, {})
    report = Record(desk).fail(Order(one.job_id, 7, "boom"))
    assert report.next is Verb.CANCEL
    assert desk.jobs.get(one.job_id).phase is Phase.CANCELLING


@pytest.mark.parametrize("phase", [Phase.QUEUED, Phase.RUNNING, Phase.SUBMITTED])
def test_i1_a_stop_that_crashes_before_it_begins_ends_the_job_all_the_same(
    desk: Desk,
    clock: Clock,  # noqa: F811
    phase: Phase,
) -> None:
    """It passes through the clean-up: the table allows no other way to its end."""
    one = desk.jobs.create(job(phase=phase, cancel_requested_at=clock()), {})
    clock.now = one.deadline_at + timedelta(minutes=11)
    reports = [Record(desk).fail(Order(one.job_id, step, "boom")) for step in (7, 8)]
    assert [report.next for report in reports] == [Verb.CANCEL, None]
    now = desk.jobs.get(one.job_id)
    assert (now.phase, now.error_code) == (Phase.TIMED_OUT, "not_proven")
    assert now.left_on_cluster == "unknown"
