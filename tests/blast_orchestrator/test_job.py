"""The story of a job, told over scripted activities with a clock that moves by itself."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from blast_orchestrator.job import STEPS_PER_GENERATION, blast_job
from shared.contracts import serialization
from shared.contracts.activities import ActivityInput, ActivityName, Decision, SearchState
from shared.contracts.states import Phase
from shared.util.durations import RetryPolicy
from tests.blast_orchestrator.fake_context import Telling, seconds
from tests.support.samples import NOON

CRASH_RETRY = RetryPolicy(timedelta(seconds=10), 2, timedelta(minutes=5), 5)
START = serialization.serialize(SearchState("job-1", CRASH_RETRY))
HAPPY = {
    ActivityName.PREPARE_SEARCH: Decision(Phase.SUBMITTING, ActivityName.SUBMIT_SEARCH),
    ActivityName.SUBMIT_SEARCH: Decision(Phase.SUBMITTED, ActivityName.OBSERVE_SEARCH, seconds(2)),
    ActivityName.OBSERVE_SEARCH: Decision(Phase.EXPORTING_RESULTS, ActivityName.COLLECT_RESULTS),
    ActivityName.COLLECT_RESULTS: Decision(Phase.COMPLETED, None),
}


class Script:
    """Activities that answer as `reply` says, and remember what they were asked."""

    def __init__(self, reply: Callable[[ActivityName, ActivityInput], Decision]) -> None:
        self.reply = reply
        self.asked: list[tuple[ActivityName, ActivityInput]] = []

    def __call__(self, name: str, order: dict[str, Any]) -> Any:
        json.dumps(order)  # what crosses the boundary is plain JSON
        self.asked.append((ActivityName(name), serialization.deserialize(ActivityInput, order)))
        return serialization.serialize(self.reply(*self.asked[-1]))

    @property
    def verbs(self) -> list[ActivityName]:
        return [verb for verb, _ in self.asked]


def test_a_search_that_goes_well_takes_four_steps() -> None:
    script = Script(lambda verb, order: HAPPY[verb])
    telling = Telling(script)
    assert telling.tell(blast_job, START) == {"phase": Phase.COMPLETED}
    assert script.verbs == [
        ActivityName.PREPARE_SEARCH,
        ActivityName.SUBMIT_SEARCH,
        ActivityName.OBSERVE_SEARCH,
        ActivityName.COLLECT_RESULTS,
    ]
    assert [order.step for _, order in script.asked] == [1, 2, 3, 4]
    assert telling.now == NOON + seconds(2)


def test_each_step_is_done_when_the_last_one_said() -> None:
    waits = iter([seconds(2), seconds(5), seconds(60)])

    def reply(verb: ActivityName, order: ActivityInput) -> Decision:
        if verb is ActivityName.OBSERVE_SEARCH and (wait := next(waits, None)):
            return Decision(Phase.RUNNING, ActivityName.OBSERVE_SEARCH, wait)
        return HAPPY[verb]

    telling = Telling(Script(reply))
    telling.tell(blast_job, START)
    assert telling.now == NOON + seconds(2 + 2 + 5 + 60)


def test_failure_32_history_stays_bounded_for_a_search_of_two_days() -> None:
    def reply(verb: ActivityName, order: ActivityInput) -> Decision:
        if verb is ActivityName.OBSERVE_SEARCH and order.step < 2880:
            return Decision(Phase.RUNNING, ActivityName.OBSERVE_SEARCH, seconds(60))
        return HAPPY[verb]

    script = Script(reply)
    telling = Telling(script)
    telling.tell(blast_job, START)
    assert max(telling.steps_in_life) == STEPS_PER_GENERATION
    assert telling.lives == len(script.asked) // STEPS_PER_GENERATION + 1
    assert [order.step for _, order in script.asked] == list(range(1, len(script.asked) + 1))


def test_a_cancel_ends_the_wait_at_once() -> None:
    def reply(verb: ActivityName, order: ActivityInput) -> Decision:
        if verb is ActivityName.SUBMIT_SEARCH:
            asked = telling.now >= telling.events[0]
            again = Decision(
                Phase.WAITING_FOR_CAPACITY, ActivityName.SUBMIT_SEARCH, timedelta(minutes=15)
            )
            return (
                Decision(Phase.WAITING_FOR_CAPACITY, ActivityName.CLEAN_UP_SEARCH)
                if asked
                else again
            )
        if verb is ActivityName.CLEAN_UP_SEARCH:
            return Decision(Phase.CANCELLED, None)
        return HAPPY[verb]

    telling = Telling(Script(reply), events=[NOON + seconds(100)])
    assert telling.tell(blast_job, START) == {"phase": Phase.CANCELLED}
    assert telling.now == NOON + seconds(100)
    assert all(timer.cancelled for timer in telling.timers)


def test_a_cancel_that_comes_during_a_step_leaves_no_rest() -> None:
    def reply(verb: ActivityName, order: ActivityInput) -> Decision:
        if verb is ActivityName.SUBMIT_SEARCH:
            telling.now += seconds(25)  # the event comes while this runs
            return HAPPY[verb]
        if verb is ActivityName.OBSERVE_SEARCH:
            return Decision(Phase.SUBMITTED, ActivityName.CLEAN_UP_SEARCH)
        return (
            Decision(Phase.CANCELLED, None) if verb is ActivityName.CLEAN_UP_SEARCH else HAPPY[verb]
        )

    telling = Telling(Script(reply), events=[NOON + seconds(10)])
    telling.tell(blast_job, START)
    assert telling.now == NOON + seconds(25)


def test_after_a_cancel_waits_are_kept_again() -> None:
    rounds = iter(range(5))

    def reply(verb: ActivityName, order: ActivityInput) -> Decision:
        if verb is ActivityName.CLEAN_UP_SEARCH:
            left = next(rounds, None) is not None
            return (
                Decision(Phase.CANCELLING, ActivityName.CLEAN_UP_SEARCH, seconds(1))
                if left
                else Decision(Phase.CANCELLED, None)
            )
        return Decision(Phase.SUBMITTING, ActivityName.CLEAN_UP_SEARCH)

    telling = Telling(Script(reply), events=[NOON])
    telling.tell(blast_job, START)
    assert telling.now == NOON + seconds(5)


def test_a_crash_is_tried_again_with_growing_waits() -> None:
    crashes = iter(range(3))

    def reply(verb: ActivityName, order: ActivityInput) -> Decision:
        if verb is ActivityName.SUBMIT_SEARCH and next(crashes, None) is not None:
            raise RuntimeError("a bug")
        return HAPPY[verb]

    script = Script(reply)
    telling = Telling(script)
    assert telling.tell(blast_job, START) == {"phase": Phase.COMPLETED}
    assert telling.now == NOON + seconds(10 + 20 + 40 + 2)


def test_a_step_that_always_crashes_ends_the_job_with_its_text() -> None:
    def reply(verb: ActivityName, order: ActivityInput) -> Decision:
        if verb is ActivityName.RECORD_CRASH:
            assert order.crash is not None and "a bug" in order.crash
            return Decision(Phase.SUBMIT_FAILED, None)
        if verb is ActivityName.SUBMIT_SEARCH:
            raise RuntimeError("a bug")
        return HAPPY[verb]

    script = Script(reply)
    assert Telling(script).tell(blast_job, START) == {"phase": Phase.SUBMIT_FAILED}
    assert script.verbs == [
        ActivityName.PREPARE_SEARCH,
        *[ActivityName.SUBMIT_SEARCH] * 5,
        ActivityName.RECORD_CRASH,
    ]


def test_ending_a_job_is_tried_for_as_long_as_it_takes() -> None:
    outage = iter(range(50))

    def reply(verb: ActivityName, order: ActivityInput) -> Decision:
        if verb is ActivityName.RECORD_CRASH and next(outage, None) is None:
            return Decision(Phase.SUBMIT_FAILED, None)
        raise RuntimeError("the store is away")

    script = Script(reply)
    telling = Telling(script)
    assert telling.tell(blast_job, START) == {"phase": Phase.SUBMIT_FAILED}
    assert script.verbs.count(ActivityName.RECORD_CRASH) == 51
    assert telling.lives > 1


def test_the_custom_status_is_a_postcard() -> None:
    script = Script(lambda verb, order: HAPPY[verb])
    telling = Telling(script)
    telling.tell(blast_job, START)
    assert [status["phase"] for status in telling.statuses] == [
        Phase.SUBMITTING,
        Phase.SUBMITTED,
        Phase.EXPORTING_RESULTS,
        Phase.COMPLETED,
    ]
    assert all(len(json.dumps(status)) < 1024 for status in telling.statuses)


def called_thrice(start: dict[str, Any]) -> Telling:
    """One who waits for the slot, 5 min at a time, is called twice too late and then cancelled."""

    def reply(verb: ActivityName, order: ActivityInput) -> Decision:
        if verb is not ActivityName.SUBMIT_SEARCH:
            return (
                Decision(Phase.CANCELLED, None)
                if verb is ActivityName.CLEAN_UP_SEARCH
                else HAPPY[verb]
            )
        if telling.now >= telling.events[-1]:
            return Decision(Phase.WAITING_FOR_SUBMIT_SLOT, ActivityName.CLEAN_UP_SEARCH)
        return Decision(
            Phase.WAITING_FOR_SUBMIT_SLOT, ActivityName.SUBMIT_SEARCH, timedelta(minutes=5)
        )

    telling = Telling(Script(reply), events=[NOON + seconds(at) for at in (10, 40, 70)])
    telling.tell(blast_job, start)
    return telling


def test_after_an_event_comes_a_life_that_hears_the_next() -> None:
    telling = called_thrice(START)
    assert telling.now == NOON + seconds(70)
    assert telling.lives == 1 + 3


def test_failure_42_a_life_of_old_goes_on_after_an_event_and_hears_no_other() -> None:
    old = {name: value for name, value in START.items() if name != "hears_again"}
    telling = called_thrice(old)
    assert telling.now == NOON + seconds(10 + 300)
    assert telling.lives == 1
