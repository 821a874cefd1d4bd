"""The orchestrator of a job, over scripted activities with a clock that moves by itself."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from blast_orchestrator.job import STEPS_PER_GENERATION, blast_job
from shared.contracts import serialization
from shared.contracts.activities import (
    ActivityInput,
    ActivityName,
    Chunk,
    SearchState,
    Stage,
    StepResult,
)
from shared.contracts.states import Phase
from shared.util.durations import RetryPolicy
from tests.blast_orchestrator.fake_context import FakeContext, seconds
from tests.support.samples import NOON

STATE = SearchState("job-1", RetryPolicy(seconds(10), 2, timedelta(minutes=5), 5))
START = serialization.serialize(STATE)
PREPARED = StepResult(Phase.SUBMITTING, Stage.SUBMIT)
SUBMITTED = StepResult(Phase.SUBMITTED, Stage.WATCH, delay=seconds(2))
CANCELLED = StepResult(Phase.CANCELLED, None)
GOES_WELL = {
    ActivityName.PREPARE_SEARCH: PREPARED,
    ActivityName.SUBMIT_SEARCH: SUBMITTED,
    ActivityName.OBSERVE_SEARCH: StepResult(Phase.EXPORTING_RESULTS, Stage.COLLECT),
    ActivityName.COLLECT_RESULTS: StepResult(Phase.COMPLETED, None),
}


class Script:
    """Activities that answer as `reply` says, and record their inputs."""

    def __init__(self, reply: Callable[[ActivityName, ActivityInput], Any]) -> None:
        self.reply = reply
        self.calls: list[tuple[ActivityName, ActivityInput]] = []

    def __call__(self, name: str, plain: dict[str, Any]) -> Any:
        json.dumps(plain)  # what crosses the boundary is plain JSON
        input_ = serialization.deserialize(ActivityInput, plain)
        self.calls.append((ActivityName(name), input_))
        result = self.reply(*self.calls[-1])
        if isinstance(result, StepResult) and result.next_stage and not result.next_step:
            result = replace(result, next_step=input_.step + 1)
        return serialization.serialize(result)

    @property
    def names(self) -> list[ActivityName]:
        return [name for name, _ in self.calls]


def test_a_search_that_goes_well_takes_four_steps() -> None:
    script = Script(lambda name, input_: GOES_WELL[name])
    context = FakeContext(script)
    assert context.run(blast_job, START) == {"phase": Phase.COMPLETED}
    assert script.names == [
        ActivityName.PREPARE_SEARCH,
        ActivityName.SUBMIT_SEARCH,
        ActivityName.OBSERVE_SEARCH,
        ActivityName.COLLECT_RESULTS,
    ]
    assert [input_.step for _, input_ in script.calls] == [1, 2, 3, 4]
    assert context.now == NOON + seconds(2)


def test_each_step_follows_after_the_delay_of_the_one_before() -> None:
    delays = iter([seconds(2), seconds(5), seconds(60)])

    def reply(name: ActivityName, input_: ActivityInput) -> StepResult:
        if name is ActivityName.OBSERVE_SEARCH and (delay := next(delays, None)):
            return StepResult(Phase.RUNNING, Stage.WATCH, delay=delay)
        return GOES_WELL[name]

    context = FakeContext(Script(reply))
    context.run(blast_job, START)
    assert context.now == NOON + seconds(2 + 2 + 5 + 60)


def test_a_row_that_is_ahead_is_followed_with_its_stage_and_its_step() -> None:
    def reply(name: ActivityName, input_: ActivityInput) -> StepResult:
        if name is ActivityName.PREPARE_SEARCH:
            return StepResult(Phase.RUNNING, Stage.WATCH, 17)
        return GOES_WELL[name]

    script = Script(reply)
    FakeContext(script).run(blast_job, START)
    assert [(name, input_.step) for name, input_ in script.calls] == [
        (ActivityName.PREPARE_SEARCH, 1),
        (ActivityName.OBSERVE_SEARCH, 17),
        (ActivityName.COLLECT_RESULTS, 18),
    ]


def test_failure_32_history_stays_bounded_for_a_search_of_two_days() -> None:
    def reply(name: ActivityName, input_: ActivityInput) -> StepResult:
        if name is ActivityName.OBSERVE_SEARCH and input_.step < 2880:
            return StepResult(Phase.RUNNING, Stage.WATCH, delay=seconds(60))
        return GOES_WELL[name]

    script = Script(reply)
    context = FakeContext(script)
    context.run(blast_job, START)
    assert max(context.steps) == STEPS_PER_GENERATION
    assert context.generations == len(script.calls) // STEPS_PER_GENERATION + 1
    assert [input_.step for _, input_ in script.calls] == list(range(1, len(script.calls) + 1))


def waits_for_capacity(
    context_of: Callable[[], FakeContext], delay: timedelta
) -> Callable[[ActivityName, ActivityInput], StepResult]:
    """A search that waits for capacity until a cancel was requested."""

    def reply(name: ActivityName, input_: ActivityInput) -> StepResult:
        if name is ActivityName.SUBMIT_SEARCH:
            context = context_of()
            if context.now >= context.events[0]:
                return StepResult(Phase.WAITING_FOR_CAPACITY, Stage.CLEAN_UP)
            return StepResult(Phase.WAITING_FOR_CAPACITY, Stage.SUBMIT, delay=delay)
        return CANCELLED if name is ActivityName.CLEAN_UP_SEARCH else GOES_WELL[name]

    return reply


def test_a_wake_ends_the_sleep_at_once_and_the_losing_timer_is_cancelled() -> None:
    reply = waits_for_capacity(lambda: context, timedelta(minutes=15))
    context = FakeContext(Script(reply), events=[NOON + seconds(100)])
    assert context.run(blast_job, START) == {"phase": Phase.CANCELLED}
    assert context.now == NOON + seconds(100)
    assert all(timer.cancelled for timer in context.timers)


def test_a_wake_that_comes_during_a_step_leaves_no_delay() -> None:
    def reply(name: ActivityName, input_: ActivityInput) -> StepResult:
        if name is ActivityName.SUBMIT_SEARCH:
            context.now += seconds(25)  # the event comes while this runs
        if name is ActivityName.OBSERVE_SEARCH:
            return StepResult(Phase.SUBMITTED, Stage.CLEAN_UP)
        return CANCELLED if name is ActivityName.CLEAN_UP_SEARCH else GOES_WELL[name]

    context = FakeContext(Script(reply), events=[NOON + seconds(10)])
    context.run(blast_job, START)
    assert context.now == NOON + seconds(25)


def test_a_wake_during_a_delay_of_zero_is_answered_by_the_next_step() -> None:
    """The generation that it comes in never sleeps: the next step reads the row."""

    def reply(name: ActivityName, input_: ActivityInput) -> StepResult:
        if name is ActivityName.PREPARE_SEARCH:
            context.now += seconds(5)  # the event comes while this runs
            return PREPARED
        if name is ActivityName.SUBMIT_SEARCH:
            return StepResult(Phase.SUBMITTING, Stage.CLEAN_UP)
        return CANCELLED

    script = Script(reply)
    context = FakeContext(script, events=[NOON + seconds(1)])
    assert context.run(blast_job, START) == {"phase": Phase.CANCELLED}
    assert context.now == NOON + seconds(5)
    assert context.timers == []
    assert script.names[1:] == [ActivityName.SUBMIT_SEARCH, ActivityName.CLEAN_UP_SEARCH]
    assert context.generations == 2, "which can be woken again"


def test_after_a_wake_delays_are_kept_again() -> None:
    rounds = iter(range(5))

    def reply(name: ActivityName, input_: ActivityInput) -> StepResult:
        if name is ActivityName.CLEAN_UP_SEARCH:
            if next(rounds, None) is None:
                return CANCELLED
            return StepResult(Phase.CANCELLING, Stage.CLEAN_UP, delay=seconds(1))
        return StepResult(Phase.SUBMITTING, Stage.CLEAN_UP)

    context = FakeContext(Script(reply), events=[NOON])
    context.run(blast_job, START)
    assert context.now == NOON + seconds(5)


def test_each_wake_of_many_is_delivered() -> None:
    """A search that waits for the slot, 5 min at a time, is woken twice and then cancelled."""

    def reply(name: ActivityName, input_: ActivityInput) -> StepResult:
        if name is not ActivityName.SUBMIT_SEARCH:
            return CANCELLED if name is ActivityName.CLEAN_UP_SEARCH else GOES_WELL[name]
        if context.now >= context.events[-1]:
            return StepResult(Phase.WAITING_FOR_SUBMIT_SLOT, Stage.CLEAN_UP)
        delay = timedelta(minutes=5)
        return StepResult(Phase.WAITING_FOR_SUBMIT_SLOT, Stage.SUBMIT, delay=delay)

    context = FakeContext(Script(reply), events=[NOON + seconds(at) for at in (10, 40, 70)])
    context.run(blast_job, START)
    assert context.now == NOON + seconds(70)
    assert context.generations == 1 + 3


def test_a_crash_is_tried_again_with_growing_delays() -> None:
    crashes = iter(range(3))

    def reply(name: ActivityName, input_: ActivityInput) -> StepResult:
        if name is ActivityName.SUBMIT_SEARCH and next(crashes, None) is not None:
            raise RuntimeError("a bug")
        return GOES_WELL[name]

    context = FakeContext(Script(reply))
    assert context.run(blast_job, START) == {"phase": Phase.COMPLETED}
    assert context.now == NOON + seconds(10 + 20 + 40 + 2)
    assert [status.get("crashes") for status in context.statuses][1:4] == [1, 2, 3]


def test_a_step_that_always_crashes_ends_the_job_with_its_text() -> None:
    def reply(name: ActivityName, input_: ActivityInput) -> StepResult:
        if name is ActivityName.RECORD_CRASH:
            assert input_.crash is not None and "a bug" in input_.crash
            return StepResult(Phase.SUBMIT_FAILED, None)
        if name is ActivityName.SUBMIT_SEARCH:
            raise RuntimeError("a bug")
        return GOES_WELL[name]

    script = Script(reply)
    assert FakeContext(script).run(blast_job, START) == {"phase": Phase.SUBMIT_FAILED}
    assert script.names == [
        ActivityName.PREPARE_SEARCH,
        *[ActivityName.SUBMIT_SEARCH] * 5,
        ActivityName.RECORD_CRASH,
    ]


def test_recording_a_crash_is_tried_for_as_long_as_it_takes_and_keeps_its_text() -> None:
    outage = iter(range(50))

    def reply(name: ActivityName, input_: ActivityInput) -> StepResult:
        if name is ActivityName.RECORD_CRASH:
            assert input_.crash == "a bug"
            if next(outage, None) is None:
                return StepResult(Phase.SUBMIT_FAILED, None)
            raise RuntimeError("the store is away")
        raise RuntimeError("a bug")

    script = Script(reply)
    context = FakeContext(script)
    assert context.run(blast_job, START) == {"phase": Phase.SUBMIT_FAILED}
    assert script.names.count(ActivityName.RECORD_CRASH) == 51
    assert context.generations > 1


def test_a_clean_up_that_crashes_is_tried_without_limit() -> None:
    """Until record_crash ends the job, which it does after CLEANUP_TIMEOUT."""
    again = StepResult(Phase.CANCELLING, Stage.CLEAN_UP, delay=timedelta(minutes=5))
    recorded = iter([again, again, again, StepResult(Phase.TIMED_OUT, None)])

    def reply(name: ActivityName, input_: ActivityInput) -> StepResult:
        if name is ActivityName.RECORD_CRASH:
            return next(recorded)
        raise RuntimeError("a bug")

    script = Script(reply)
    start = serialization.serialize(replace(STATE, stage=Stage.CLEAN_UP, step=9))
    assert FakeContext(script).run(blast_job, start) == {"phase": Phase.TIMED_OUT}
    assert script.names == [*[ActivityName.CLEAN_UP_SEARCH] * 5, ActivityName.RECORD_CRASH] * 4


def test_the_custom_status_is_small() -> None:
    context = FakeContext(Script(lambda name, input_: GOES_WELL[name]))
    context.run(blast_job, START)
    assert [status["phase"] for status in context.statuses] == [
        Phase.SUBMITTING,
        Phase.SUBMITTED,
        Phase.EXPORTING_RESULTS,
        Phase.COMPLETED,
    ]
    assert all(len(json.dumps(status)) < 1024 for status in context.statuses)


def test_the_input_of_the_next_generation_is_small_too() -> None:
    chunks = tuple(Chunk(first, first + 49) for first in range(1, 2500, 50))
    state = serialization.serialize(replace(STATE, fan_out=chunks))
    assert len(chunks) == 50
    assert len(json.dumps(state)) < 4096
