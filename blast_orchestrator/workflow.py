"""The workflow of a job: its stages, what follows each, and what follows each kind of outcome.

Pure. A new stage is one row in each of the tables that it belongs to.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TypeAlias

from shared.contracts.activities import ActivityName, Category, Decision, Stage
from shared.contracts.outcome import Outcome, OutcomeKind
from shared.util.durations import RetryPolicy

NEXT_STAGE: Mapping[Stage, Stage | None] = {
    Stage.PREPARE: Stage.SUBMIT,
    Stage.SUBMIT: Stage.WATCH,
    Stage.WATCH: Stage.COLLECT,
    Stage.COLLECT: Stage.INDEX,
    Stage.INDEX: None,
    Stage.CLEAN_UP: None,
}
"""What follows a stage of a search that has done its work; None ends the job."""

NEXT_BATCH_STAGE: Mapping[Stage, Stage | None] = {
    Stage.START_CHILDREN: Stage.WATCH_CHILDREN,
    Stage.WATCH_CHILDREN: None,
    Stage.CLEAN_UP_CHILDREN: None,
}
"""The same for a batch of searches."""

_NEXT = {**NEXT_STAGE, **NEXT_BATCH_STAGE}

CLEAN_UP_STAGE: Mapping[Stage, Stage] = {
    **dict.fromkeys(NEXT_STAGE, Stage.CLEAN_UP),
    **dict.fromkeys(NEXT_BATCH_STAGE, Stage.CLEAN_UP_CHILDREN),
}
"""Where a stage leads after a cancel, the deadline, or a failure."""

ACTIVITY: Mapping[Stage, ActivityName] = {
    Stage.PREPARE: ActivityName.PREPARE_SEARCH,
    Stage.SUBMIT: ActivityName.SUBMIT_SEARCH,
    Stage.WATCH: ActivityName.OBSERVE_SEARCH,
    Stage.COLLECT: ActivityName.COLLECT_RESULTS,
    Stage.INDEX: ActivityName.PLAN_INDEX,
    Stage.CLEAN_UP: ActivityName.CLEAN_UP_SEARCH,
    Stage.START_CHILDREN: ActivityName.START_CHILDREN,
    Stage.WATCH_CHILDREN: ActivityName.OBSERVE_CHILDREN,
    Stage.CLEAN_UP_CHILDREN: ActivityName.CANCEL_CHILDREN,
}
"""The activity that does the work of a stage."""

CHUNK_ACTIVITY: Mapping[Stage, ActivityName] = {
    Stage.START_CHILDREN: ActivityName.CREATE_CHILDREN,
    Stage.INDEX: ActivityName.INDEX_HITS,
}
"""The activity that works on a chunk of a stage; the chunks are worked on side by side."""

_PASSING = frozenset({Category.TRANSIENT, Category.UNKNOWN})
FORGETS: Mapping[Category, frozenset[Category]] = {
    Category.CAPACITY: _PASSING,
    Category.CONFLICT: _PASSING,
    Category.CONFIGURATION: _PASSING,
    Category.SUBMIT_SLOT: frozenset({Category.TRANSIENT}),
}
"""The counts that a category resets. Where these occur the counterpart has answered, and a wait of
hours must not be ended by a few passing faults. The same holds where it confirms that work runs."""

Policies: TypeAlias = Callable[[Category], RetryPolicy]
"""Gives the retry policy of each category. The values are settings: BLAST_RETRY_<CATEGORY>."""


def decide(
    stage: Stage, outcome: Outcome, retry_counts: Mapping[Category, int], policies: Policies
) -> Decision:
    """The stage that follows `stage` after this outcome, the wait before it, and the new counts.

    A next stage that is the clean-up stage, after RETRY, means that no try is left.
    """
    match outcome.kind:
        case OutcomeKind.ENDED:
            return Decision(None)
        case OutcomeKind.DONE:
            return Decision(_NEXT[stage], outcome.delay)
        case OutcomeKind.STOP:
            return Decision(CLEAN_UP_STAGE[stage], outcome.delay, retry_counts)
        case OutcomeKind.PENDING:
            delay = _bounded(outcome.delay, outcome)
            return Decision(stage, delay, _remembered(retry_counts, outcome))
        case OutcomeKind.RETRY:
            return _retry(stage, outcome, retry_counts, policies)


def is_clean_up(stage: Stage) -> bool:
    """Whether the stage is one that cleans up."""
    return stage in CLEAN_UP_STAGE.values()


def _retry(
    stage: Stage, outcome: Outcome, retry_counts: Mapping[Category, int], policies: Policies
) -> Decision:
    """Another try as the category's policy says; after the last one the clean-up."""
    category = outcome.category or Category.UNKNOWN
    counts = _remembered(retry_counts, outcome)
    counts[category] = counts.get(category, 0) + 1
    policy = policies(category)
    delay = policy.delay_after_attempt(counts[category], outcome.retry_after)
    if delay is None and is_clean_up(stage):
        # A clean-up ends by its own timeout, never for the number of its tries.
        delay = policy.longest
    if delay is None:
        return Decision(CLEAN_UP_STAGE[stage], timedelta(0), retry_counts)
    return Decision(stage, _bounded(delay, outcome), counts)


def _bounded(delay: timedelta, outcome: Outcome) -> timedelta:
    return delay if outcome.longest is None else min(delay, outcome.longest)


def _remembered(retry_counts: Mapping[Category, int], outcome: Outcome) -> dict[Category, int]:
    """The counts that still apply after this outcome."""
    forgotten = FORGETS.get(outcome.category, frozenset()) if outcome.category else frozenset()
    if outcome.is_running:
        forgotten = _PASSING
    return {each: count for each, count in retry_counts.items() if each not in forgotten}
