"""What Jobs and markers prove, case by case."""

from dataclasses import replace

import pytest

from activities.assess import Observation, assess, has_vanished, submission_completed
from shared.blast.batch_numbers import dump, load, number_of_job, number_of_result
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
        (Observation([]), Phase.SUBMITTED, NOTHING, Phase.SUBMITTED),
        (Observation([SETUP]), Phase.SUBMITTED, NOTHING, Phase.SUBMITTED),
        (Observation([SETUP, RUNS]), Phase.SUBMITTED, NOTHING, Phase.RUNNING),
        (Observation([DONE]), Phase.SUBMITTED, NOTHING, Phase.RUNNING),
        # Failure 24: all that is to be seen is Complete, and more is being created.
        (Observation([DONE, DONE], 4, success=False), Phase.RUNNING, NOTHING, Phase.RUNNING),
        # The end of the finalizer proves nothing.
        (Observation([DONE, FINALIZER], 1, success=False), Phase.RUNNING, NOTHING, Phase.RUNNING),
        (
            Observation([DONE, FINALIZER], 1, success=True),
            Phase.RUNNING,
            NOTHING,
            Phase.EXPORTING_RESULTS,
        ),
        # Failure 25: Jobs were seen and are gone; this never turns back.
        (Observation([], 4, success=False), Phase.RUNNING, Counts(4, 4), Phase.RUNNING),
        (Observation([], 4, success=True), Phase.RUNNING, Counts(4, 4), Phase.EXPORTING_RESULTS),
        (Observation([], None, success=True), Phase.SUBMITTED, NOTHING, Phase.EXPORTING_RESULTS),
        (Observation([RUNS, FAILED]), Phase.RUNNING, NOTHING, Phase.SEARCH_FAILED),
        (Observation([job("setup", failed=True)]), Phase.SUBMITTED, NOTHING, Phase.SEARCH_FAILED),
        (Observation([], failure="out of memory"), Phase.RUNNING, NOTHING, Phase.SEARCH_FAILED),
        # Both markers can exist: a failure stays a failure.
        (
            Observation([], 4, success=True, failure="no"),
            Phase.RUNNING,
            Counts(4, 4),
            Phase.SEARCH_FAILED,
        ),
        (Observation([FAILED], 4, success=True), Phase.RUNNING, NOTHING, Phase.SEARCH_FAILED),
    ],
)
def test_facts_become_a_phase(
    seen: Observation, before: Phase, known: Counts, phase: Phase
) -> None:
    assert assess(seen, before, known).phase is phase


def test_every_conclusion_is_an_allowed_transition() -> None:
    for before in (Phase.SUBMITTED, Phase.RUNNING):
        for seen in (Observation([RUNS]), Observation([], success=True), Observation([FAILED])):
            phase = assess(seen, before, NOTHING).phase
            # A search that has failed is cleaned up first.
            assert (Phase.CANCELLING if phase.is_failure else before).can_become(phase)


def test_batches_are_counted_by_their_conditions() -> None:
    found = assess(
        Observation([DONE, DONE, RUNS, FAILED, SETUP, FINALIZER], 5), Phase.RUNNING, NOTHING
    )
    assert found.counts == Counts(expected=5, succeeded=2, failed=1, active=1)


def test_failure_25_what_was_counted_is_never_counted_back() -> None:
    known = Counts(expected=4, succeeded=3, failed=0, active=1)
    found = assess(Observation([RUNS], None), Phase.RUNNING, known)
    assert found.counts == replace(known, active=1)


def test_a_failure_says_which_job_and_why() -> None:
    found = assess(Observation([FAILED]), Phase.RUNNING, NOTHING)
    assert found.error == "blast-1 failed (BackoffLimitExceeded)"
    assert found.awaits_message


def test_failure_51_the_message_of_blast_comes_first() -> None:
    found = assess(Observation([FAILED], failure="BLAST engine error: no"), Phase.RUNNING, NOTHING)
    assert found.error == "BLAST engine error: no; blast-1 failed (BackoffLimitExceeded)"
    assert not found.awaits_message


@pytest.mark.parametrize(
    ("failure", "jobs", "error"),
    [
        ("", [FAILED], "blast-1 failed (BackoffLimitExceeded)"),
        ("", [], "FAILURE.txt is empty"),
        ("BLAST engine error: no", [], "BLAST engine error: no"),
        (None, [job("setup", failed=True)], "setup-1 failed (BackoffLimitExceeded)"),
    ],
)
def test_failure_51_words_that_cannot_come_are_not_awaited(
    failure: str | None, jobs: list[ClusterJob], error: str
) -> None:
    found = assess(Observation(jobs, success=False, failure=failure), Phase.RUNNING, NOTHING)
    assert (found.error, found.awaits_message) == (error, False)


def test_a_failure_of_many_jobs_names_some() -> None:
    found = assess(Observation([FAILED] * 9), Phase.RUNNING, NOTHING)
    assert (found.error or "").endswith("blast-1 failed (BackoffLimitExceeded); 4 more failed")


# Progress.


def batch(
    number: int, shard: str = "", *, complete: bool = False, failed: bool = False
) -> ClusterJob:
    name = f"blastn-batch-s-job-{number:03d}-1a2b3c4d"
    return replace(job(complete=complete, failed=failed), name=name, shard=shard)


def test_failure_54_finished_jobs_that_vanish_are_still_counted() -> None:
    counts, finished = NOTHING, ""
    for number in range(20):
        seen = Observation([batch(number, complete=True), batch(number + 1)], 20)
        found = assess(seen, Phase.RUNNING, counts, finished)
        counts, finished = found.counts, found.finished_batches
        assert counts.succeeded == number + 1
    again = assess(Observation([batch(3, complete=True)]), Phase.RUNNING, counts, finished)
    assert again.counts.succeeded == 20


def test_failure_54_batches_of_two_shards_are_two() -> None:
    jobs = [batch(number, shard, complete=True) for shard in ("0", "1", "12") for number in (0, 1)]
    found = assess(Observation(jobs, 6), Phase.RUNNING, NOTHING)
    assert found.counts.succeeded == 6
    results = frozenset({number_of_result("shard_12/batch_001-blastn-s.out.gz") or 0})
    again = Observation([], 6, results=results)
    assert assess(again, Phase.RUNNING, found.counts, found.finished_batches).counts == replace(
        found.counts, active=0
    )


def test_failure_54_a_result_of_a_batch_that_failed_is_not_counted() -> None:
    seen = Observation([batch(1, failed=True)], 2, results=frozenset({0, 1}))
    assert assess(seen, Phase.RUNNING, NOTHING).counts == Counts(2, 1, 1, 0)


@pytest.mark.parametrize(
    ("jobs", "finished", "vanished"),
    [
        ([batch(0), batch(1), batch(2)], "", False),
        ([batch(1), batch(2)], dump({0}), False),
        ([batch(2)], dump({0}), True),
        ([], dump({0, 1, 2}), False),
        ([], "", True),
    ],
)
def test_failure_54_only_batches_that_vanished_unseen_are_sought(
    jobs: list[ClusterJob], finished: str, vanished: bool
) -> None:
    known = Counts(expected=3, succeeded=1, active=2)
    assert has_vanished(Observation(jobs), known, finished) is vanished


def test_the_largest_search_fits_into_a_column() -> None:
    everything = dump(range(5000))
    assert len(everything) == 1250
    assert load(everything) == frozenset(range(5000))
    assert load(dump(())) == frozenset()


@pytest.mark.parametrize("name", ["init-ssd-1a2b3c4d-0", "blastn-batch-s-job-9999-1a2b3c4d", "x"])
def test_a_name_of_another_form_has_no_number(name: str) -> None:
    assert number_of_job(name) is None
    assert number_of_job("blastn-batch-s-job-000-x", "one") is None
    assert number_of_result(name) is None


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
    assert submission_completed(jobs, expected) is whole
