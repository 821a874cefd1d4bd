"""The fault matrix: each known failure and the required end of its job."""

from tests.faults.observation_rows import CANCELLING, WATCHING
from tests.faults.storage_rows import STORAGE
from tests.faults.submission_rows import EXIT_CODES, SIDECAR, SUBMISSION

MATRIX = [*SUBMISSION, *EXIT_CODES, *SIDECAR, *STORAGE, *WATCHING, *CANCELLING]

COVERED_BY = {
    2: ("test_failure_2_the_same_key_with_another_request_is_a_conflict",),
    9: (
        "test_failure_9_a_search_waits_for_the_submit_slot_with_a_reason",
        "test_failure_9_concurrent_acquirers_get_one_holder",
        "test_failure_9_a_crashed_holder_loses_the_lease_after_it_expires",
    ),
    12: ("test_failure_12_values_of_other_deployments_are_refused",),
    14: (
        "test_failure_14_a_missing_database_fails_one_search_of_three",
        "test_failure_14_a_crash_in_mid_chunk_makes_no_search_twice_and_none_never",
        "test_failure_14_an_invalid_message_does_not_block_the_others",
    ),
    16: (
        "test_failure_16_concurrent_writers_lose_no_event",
        "test_failure_16_a_late_event_changes_no_terminal_phase",
    ),
    17: ("test_r4_a_running_phase_clears_earlier_errors",),
    19: ("test_failure_19_an_error_that_exceeds_a_column_is_cut",),
    20: ("test_failure_20_a_list_has_only_the_owners_jobs_newest_first",),
    21: ("test_failure_16_concurrent_writers_lose_no_event",),
    22: ("test_failure_22_state_and_logs_contain_no_secret_and_no_sequence",),
    23: ("test_r5_two_searches_at_once_see_only_their_own_jobs",),
    31: ("test_failure_31_a_job_past_its_deadline_is_cleaned_up",),
    32: ("test_failure_32_a_long_job_continues_as_new",),
    36: (
        "test_failure_36_two_concurrent_publishers_keep_the_order",
        "test_failure_36_a_permanent_error_is_answered_and_not_retried",
        "test_failure_36_a_job_that_was_never_started_is_failed",
    ),
    37: (
        "test_failure_37_a_lease_from_the_future_expires_by_observation",
        "test_failure_37_a_holder_whose_clock_was_set_back_renews",
    ),
}
"""Tests of failures that rows of this matrix do not show, or not fully."""
