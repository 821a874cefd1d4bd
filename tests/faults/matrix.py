"""The fault matrix: each failure that was seen in the field, and the end that it must come to."""

from tests.faults.storing import STORAGE
from tests.faults.submitting import EXIT_CODES, SIDECAR, SUBMISSION
from tests.faults.watching import CANCELLING, WATCHING

MATRIX = [*SUBMISSION, *EXIT_CODES, *SIDECAR, *STORAGE, *WATCHING, *CANCELLING]

COVERED_BY = {
    2: ("test_failure_2_the_same_key_with_another_request_is_a_conflict",),
    12: ("test_failure_12_what_could_lead_elsewhere_is_refused",),
    16: ("test_failure_16_two_writers_lose_nothing", "test_failure_16_a_late_event_moves_no_end"),
    17: ("test_r4_a_phase_that_runs_clears_what_was_wrong",),
    19: ("test_failure_19_a_sentence_that_is_too_long_is_cut",),
    20: ("test_failure_20_a_list_shows_the_newest_first_and_only_the_owners",),
    21: ("test_failure_16_two_writers_lose_nothing",),
    22: ("test_failure_22_no_secret_and_no_sequence_lies_where_it_does_not_belong",),
    23: ("test_r5_two_searches_at_once_see_only_their_own_jobs",),
    32: ("test_failure_32_a_long_job_continues_as_new",),
}
"""Tests of failures for which a row of this matrix would show nothing, or not enough."""

NOT_YET = {
    9: "the submit slot",
    14: "batches",
    31: "a deadline in mid-run",
    36: "the queue",
    37: "clocks that disagree",
}
"""Failures whose guard is not there yet, or is not shown yet, by what is missing."""
