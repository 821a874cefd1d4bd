"""The workflow: what follows each stage and each kind of outcome, as tables of cases."""

from datetime import timedelta
from typing import Any

import pytest

from blast_orchestrator.workflow import (
    ACTIVITY,
    CHUNK_ACTIVITY,
    CLEAN_UP_STAGE,
    NEXT_BATCH_STAGE,
    NEXT_STAGE,
    decide,
    is_clean_up,
)
from shared.contracts.activities import ActivityName, Category, Decision, Stage
from shared.contracts.outcome import Outcome, OutcomeKind
from shared.contracts.states import Phase
from shared.util.durations import RetryPolicy
from tests.support.samples import settings

POLICIES = settings().retry
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
COUNTS = {Category.TRANSIENT: 3, Category.UNKNOWN: 2, Category.CAPACITY: 4}
CLEAN_UPS = [Stage.CLEAN_UP, Stage.CLEAN_UP_CHILDREN]


def outcome(kind: OutcomeKind, category: Category | None = None, **more: Any) -> Outcome:
    return Outcome(kind, Phase.RETRYING, category=category, **more)


def after(category: Category, tried: int = 0, **more: Any) -> Decision:
    """What follows a failed try of SUBMIT, after `tried` others."""
    retry = outcome(OutcomeKind.RETRY, category, **more)
    return decide(Stage.SUBMIT, retry, {category: tried}, POLICIES)


def test_every_stage_is_in_every_table() -> None:
    assert {*NEXT_STAGE, *NEXT_BATCH_STAGE} == {*CLEAN_UP_STAGE} == {*ACTIVITY} == {*Stage}
    assert not NEXT_STAGE.keys() & NEXT_BATCH_STAGE.keys()
    others = {ActivityName.RECORD_CRASH, *CHUNK_ACTIVITY.values()}
    assert sorted([*ACTIVITY.values(), *others]) == sorted(ActivityName)


def test_a_search_goes_through_its_stages_in_order() -> None:
    stages, stage = [], Stage.PREPARE
    while stage:
        stages.append(stage)
        stage = NEXT_STAGE[stage]  # type: ignore[assignment]
    assert stages == [Stage.PREPARE, Stage.SUBMIT, Stage.WATCH, Stage.COLLECT, Stage.INDEX]


@pytest.mark.parametrize("stage", Stage)
def test_a_stage_that_is_done_is_followed_by_the_next_with_no_counts(stage: Stage) -> None:
    decision = decide(stage, outcome(OutcomeKind.DONE), COUNTS, POLICIES)
    assert decision == Decision((dict(NEXT_STAGE) | dict(NEXT_BATCH_STAGE))[stage])


@pytest.mark.parametrize("stage", Stage)
def test_a_stop_leads_to_the_clean_up_from_every_stage(stage: Stage) -> None:
    decision = decide(stage, outcome(OutcomeKind.STOP), COUNTS, POLICIES)
    assert decision.next_stage is CLEAN_UP_STAGE[stage]
    assert is_clean_up(decision.next_stage)


def test_an_end_is_followed_by_nothing() -> None:
    assert decide(Stage.WATCH, outcome(OutcomeKind.ENDED), COUNTS, POLICIES) == Decision(None)


def test_a_pending_stage_goes_on_after_its_delay_and_keeps_its_counts() -> None:
    pending = outcome(OutcomeKind.PENDING, delay=7 * SECOND)
    assert decide(Stage.WATCH, pending, COUNTS, POLICIES) == Decision(
        Stage.WATCH, 7 * SECOND, COUNTS
    )


@pytest.mark.parametrize(
    ("category", "first", "second", "tries"),
    [
        (Category.TRANSIENT, 15, 30, 8),
        (Category.CAPACITY, 60, 90, None),
        (Category.CONFLICT, 30, 45, None),
        (Category.CONFIGURATION, 60, 90, None),
        (Category.UNKNOWN, 20, 40, 6),
    ],
)
def test_each_category_is_tried_again_as_its_policy_says(
    category: Category, first: int, second: int, tries: int | None
) -> None:
    assert after(category) == Decision(Stage.SUBMIT, first * SECOND, {category: 1})
    assert after(category, 1) == Decision(Stage.SUBMIT, second * SECOND, {category: 2})
    last = after(category, (tries or 1000) - 1)
    assert last.next_stage is (Stage.CLEAN_UP if tries else Stage.SUBMIT)


def test_a_requested_wait_lengthens_a_delay_and_never_shortens_it() -> None:
    assert after(Category.TRANSIENT, retry_after=MINUTE).delay == MINUTE
    assert after(Category.TRANSIENT, retry_after=SECOND).delay == 15 * SECOND
    assert after(Category.TRANSIENT, retry_after=60 * MINUTE).delay == 15 * MINUTE


@pytest.mark.parametrize("kind", [OutcomeKind.PENDING, OutcomeKind.RETRY])
@pytest.mark.parametrize(("longest", "delay"), [(None, 15), (5 * MINUTE, 5), (60 * MINUTE, 15)])
def test_an_outcome_can_bound_the_delay(
    kind: OutcomeKind, longest: timedelta | None, delay: int
) -> None:
    wait = 15 * MINUTE
    bounded = outcome(
        kind, delay=wait, retry_after=wait, longest=longest, category=Category.TRANSIENT
    )
    assert decide(Stage.SUBMIT, bounded, {}, POLICIES).delay == delay * MINUTE


@pytest.mark.parametrize("stage", CLEAN_UPS)
def test_a_clean_up_is_tried_without_limit_at_the_longest_delay(stage: Stage) -> None:
    retry = outcome(OutcomeKind.RETRY, Category.TRANSIENT)
    decision = decide(stage, retry, {Category.TRANSIENT: 99}, POLICIES)
    assert (decision.next_stage, decision.delay) == (stage, 5 * MINUTE)


@pytest.mark.parametrize(
    ("kind", "category", "kept"),
    [
        (OutcomeKind.RETRY, Category.CAPACITY, {Category.CAPACITY: 5}),
        (OutcomeKind.RETRY, Category.CONFLICT, {Category.CAPACITY: 4, Category.CONFLICT: 1}),
        (
            OutcomeKind.RETRY,
            Category.CONFIGURATION,
            {Category.CAPACITY: 4, Category.CONFIGURATION: 1},
        ),
        (OutcomeKind.RETRY, Category.TRANSIENT, {**COUNTS, Category.TRANSIENT: 4}),
        (OutcomeKind.RETRY, Category.UNKNOWN, {**COUNTS, Category.UNKNOWN: 3}),
        (OutcomeKind.PENDING, Category.SUBMIT_SLOT, {Category.UNKNOWN: 2, Category.CAPACITY: 4}),
        (OutcomeKind.DONE, None, {}),
    ],
)
def test_counts_that_an_outcome_resets(
    kind: OutcomeKind, category: Category | None, kept: dict[Category, int]
) -> None:
    decision = decide(Stage.SUBMIT, outcome(kind, category), COUNTS, POLICIES)
    assert decision.retry_counts == kept


def test_work_that_is_confirmed_to_run_resets_the_counts_of_passing_faults() -> None:
    running = outcome(OutcomeKind.PENDING, is_running=True)
    decision = decide(Stage.SUBMIT, running, COUNTS, POLICIES)
    assert decision.retry_counts == {Category.CAPACITY: 4}


def test_other_settings_apply_to_a_job_that_runs() -> None:
    """No history depends on them: the decision is made in the activity."""
    retry = outcome(OutcomeKind.RETRY, Category.CAPACITY)
    once = RetryPolicy(timedelta(seconds=1), 1, timedelta(seconds=1), 2)
    assert decide(Stage.SUBMIT, retry, COUNTS, lambda category: once).next_stage is Stage.CLEAN_UP
