"""The table of allowed transitions."""

import pytest

from shared.contracts.states import Phase, Status

ENDS = [phase for phase in Phase if phase.is_end]


def test_every_phase_can_end_and_be_cancelled() -> None:
    for phase in Phase:
        if not phase.is_end:
            assert phase.can_become(Phase.CANCELLING)
    assert Phase.CANCELLING.can_become(Phase.CANCELLED)


@pytest.mark.parametrize("end", ENDS)
def test_invariant_2_no_transition_leaves_a_terminal_phase(end: Phase) -> None:
    assert not any(end.can_become(phase) for phase in Phase)


def test_a_search_is_completed_only_after_its_results_were_collected() -> None:
    before = {phase for phase in Phase if phase.can_become(Phase.COMPLETED)}
    assert before == {Phase.EXPORTING_RESULTS, Phase.RESULTS_PENDING}


def test_a_job_is_cancelled_only_through_cancelling() -> None:
    assert {phase for phase in Phase if phase.can_become(Phase.CANCELLED)} == {Phase.CANCELLING}


def test_a_search_fails_only_through_the_clean_up() -> None:
    """The exceptions have nothing to clean up: no step was taken, or a batch whose searches ended.

    A batch is not in the phases that only a search has.
    """
    direct = {
        (phase, end)
        for phase in set(Phase) - {Phase.CANCELLING}
        for end in ENDS
        if end.is_failure and phase.can_become(end)
    }
    assert direct == {
        (Phase.QUEUED, Phase.SUBMIT_FAILED),
        *(
            (phase, Phase.SEARCH_FAILED)
            for phase in (Phase.QUEUED, Phase.SUBMITTING, Phase.RUNNING)
        ),
    }
    assert all(Phase.CANCELLING.can_become(end) for end in ENDS if end.is_failure)


def test_a_running_job_never_returns_to_an_earlier_phase() -> None:
    early = {Phase.QUEUED, Phase.SUBMITTING, Phase.RETRYING, Phase.SUBMITTED}
    assert not any(Phase.RUNNING.can_become(phase) for phase in early)


def test_waiting_phases_have_the_status_running() -> None:
    for phase in (
        Phase.RETRYING,
        Phase.WAITING_FOR_CAPACITY,
        Phase.RESULTS_PENDING,
        Phase.CANCELLING,
    ):
        assert phase.status is Status.RUNNING
