"""What Jobs and markers prove, case by case."""

from dataclasses import replace

import pytest

from activities.conclusion import Seen, conclude, is_submitted
from shared.clients.kubernetes import ClusterJob
from shared.contracts.job import Counts
from shared.contracts.states import Phase


def job(app: str = "blast", *, complete: bool = False, failed: bool = False) -> ClusterJob:
    return ClusterJob(f"{app}-1", app, complete, failed, 0, "BackoffLimitExceeded", None, None)


RUNS, DONE, FAILED = job(), job(complete=True), job(failed=True)
SETUP, FINALIZER = job("setup", complete=True), job("finalizer", complete=True)
NOTHING = Counts()


@pytest.mark.parametrize(
    ("seen", "before", "known", "phase"),
    [
        (Seen([]), Phase.SUBMITTED, NOTHING, Phase.SUBMITTED),
        (Seen([SETUP]), Phase.SUBMITTED, NOTHING, Phase.SUBMITTED),
        (Seen([SETUP, RUNS]), Phase.SUBMITTED, NOTHING, Phase.RUNNING),
        (Seen([DONE]), Phase.SUBMITTED, NOTHING, Phase.RUNNING),
        # Failure 24: all that is to be seen is Complete, and more is being created.
        (Seen([DONE, DONE], 4, success=False), Phase.RUNNING, NOTHING, Phase.RUNNING),
        # The end of the finalizer proves nothing.
        (Seen([DONE, FINALIZER], 1, success=False), Phase.RUNNING, NOTHING, Phase.RUNNING),
        (Seen([DONE, FINALIZER], 1, success=True), Phase.RUNNING, NOTHING, Phase.EXPORTING_RESULTS),
        # Failure 25: Jobs were seen and are gone; this never turns back.
        (Seen([], 4, success=False), Phase.RUNNING, Counts(4, 4), Phase.RUNNING),
        (Seen([], 4, success=True), Phase.RUNNING, Counts(4, 4), Phase.EXPORTING_RESULTS),
        (Seen([], None, success=True), Phase.SUBMITTED, NOTHING, Phase.EXPORTING_RESULTS),
        (Seen([RUNS, FAILED]), Phase.RUNNING, NOTHING, Phase.SEARCH_FAILED),
        (Seen([job("setup", failed=True)]), Phase.SUBMITTED, NOTHING, Phase.SEARCH_FAILED),
        (Seen([], failure="out of memory"), Phase.RUNNING, NOTHING, Phase.SEARCH_FAILED),
        # Both markers can exist: a failure that was ever told stays one.
        (Seen([], 4, success=True, failure="no"), Phase.RUNNING, Counts(4, 4), Phase.SEARCH_FAILED),
        (Seen([FAILED], 4, success=True), Phase.RUNNING, NOTHING, Phase.SEARCH_FAILED),
    ],
)
def test_facts_become_a_phase(seen: Seen, before: Phase, known: Counts, phase: Phase) -> None:
    assert conclude(seen, before, known).phase is phase


def test_every_conclusion_is_an_allowed_transition() -> None:
    for before in (Phase.SUBMITTED, Phase.RUNNING):
        for seen in (Seen([RUNS]), Seen([], success=True), Seen([FAILED])):
            assert before.may_become(conclude(seen, before, NOTHING).phase)


def test_batches_are_counted_by_their_conditions() -> None:
    found = conclude(Seen([DONE, DONE, RUNS, FAILED, SETUP, FINALIZER], 5), Phase.RUNNING, NOTHING)
    assert found.counts == Counts(expected=5, succeeded=2, failed=1, active=1)


def test_failure_25_what_was_counted_is_never_counted_back() -> None:
    known = Counts(expected=4, succeeded=3, failed=0, active=1)
    found = conclude(Seen([RUNS], None), Phase.RUNNING, known)
    assert found.counts == replace(known, active=1)


def test_a_failure_says_which_job_and_why() -> None:
    found = conclude(Seen([FAILED]), Phase.RUNNING, NOTHING)
    assert found.error == "blast-1 failed (BackoffLimitExceeded)"


@pytest.mark.parametrize(
    ("jobs", "expected", "whole"),
    [
        ([], None, False),
        ([SETUP], None, False),
        ([SETUP], 4, False),
        ([SETUP, RUNS, RUNS], 4, False),
        ([SETUP, RUNS, RUNS], None, False),
        ([SETUP, RUNS, RUNS], 2, True),
        ([SETUP, job("submit")], None, True),
        ([SETUP, RUNS, FINALIZER], None, True),
    ],
)
def test_failure_3_what_a_submission_left_that_was_cut_off_is_not_adopted(
    jobs: list[ClusterJob], expected: int | None, whole: bool
) -> None:
    assert is_submitted(jobs, expected) is whole
