"""The fault matrix: each failure that was seen in the field, and the end that it must come to."""

from tests.faults.storing import STORAGE
from tests.faults.submitting import EXIT_CODES, SIDECAR, SUBMISSION
from tests.faults.watching import CANCELLING, WATCHING

MATRIX = [*SUBMISSION, *EXIT_CODES, *SIDECAR, *STORAGE, *WATCHING, *CANCELLING]

COVERED_BY = {
    2: ("test_failure_2_the_same_key_with_another_request_is_a_conflict",),
    9: (
        "test_failure_9_a_search_waits_for_the_submit_slot_and_says_so",
        "test_failure_9_of_those_who_race_for_it_one_has_it",
        "test_failure_9_a_holder_that_died_loses_it_after_it_expired",
    ),
    12: ("test_failure_12_values_of_other_deployments_are_refused",),
    14: (
        "test_failure_14_a_database_that_is_missing_fails_one_search_of_three",
        "test_failure_14_a_crash_in_mid_chunk_makes_no_search_twice_and_none_never",
        "test_failure_14_an_invalid_message_does_not_block_the_others",
    ),
    16: ("test_failure_16_two_writers_lose_nothing", "test_failure_16_a_late_event_moves_no_end"),
    17: ("test_r4_a_phase_that_runs_clears_what_was_wrong",),
    19: ("test_failure_19_a_sentence_that_is_too_long_is_cut",),
    20: ("test_failure_20_a_list_shows_the_newest_first_and_only_the_owners",),
    21: ("test_failure_16_two_writers_lose_nothing",),
    22: ("test_failure_22_no_secret_and_no_sequence_lies_where_it_does_not_belong",),
    23: ("test_r5_two_searches_at_once_see_only_their_own_jobs",),
    31: ("test_failure_31_a_job_past_its_deadline_is_cleared_away",),
    32: ("test_failure_32_a_long_job_continues_as_new",),
    36: (
        "test_failure_36_two_concurrent_publishers_keep_the_order",
        "test_failure_36_a_permanent_error_is_answered_and_not_retried",
        "test_failure_36_a_job_that_was_never_started_is_failed",
    ),
    37: (
        "test_failure_37_a_holder_whose_clock_is_ahead_is_outlived_by_watching",
        "test_failure_37_a_holder_whose_clock_was_set_back_renews_it",
    ),
}
"""Tests of failures for which a row of this matrix would show nothing, or not enough."""
