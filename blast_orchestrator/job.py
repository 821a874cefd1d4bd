"""One job, from its acceptance to its end."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Self

from blast_orchestrator.context import Context, Steps, Task
from shared.contracts import serialization
from shared.contracts.activities import WAKE_EVENT, ActivityInput, ActivityName, Decision
from shared.contracts.states import Phase
from shared.util.durations import RetryPolicy


@dataclass(frozen=True)
class Story:
    """The next step of a job. `crash_retry` is set when the job starts and stays."""

    job_id: str
    crash_retry: RetryPolicy
    attempt: int = 1
    verb: ActivityName = ActivityName.PREPARE_SEARCH
    step: int = 1
    crashes: int = 0
    """How often in a row the activity has died."""
    crash: str | None = None
    """What it died of last."""
    hears_again: bool = False
    """Whether it hears another event after the first, in a new life; jobs of old do not."""

    @property
    def order(self) -> ActivityInput:
        """What the next activity is given."""
        return ActivityInput(self.job_id, self.step, self.crash, self.attempt)

    def after(self, decision: Decision) -> Self:
        """The story once the step has reported."""
        return replace(self, verb=decision.next_stage or self.verb, step=self.step + 1)

    def went_well(self) -> Self:
        """The story without its crashes."""
        return replace(self, crashes=0, crash=None)

    def crashed(self, text: str) -> tuple[Self, Decision]:
        """What to do after an activity died: again later, and after the last try end the job.

        Ending the job is itself tried without limit: a job must not be lost with its reason.
        """
        story = replace(self, crashes=self.crashes + 1, crash=text)
        wait = self.crash_retry.delay_after_attempt(story.crashes)
        verb = self.verb
        if wait is None:
            wait = self.crash_retry.longest if verb is ActivityName.RECORD_CRASH else timedelta(0)
            verb = ActivityName.RECORD_CRASH
        return story, Decision(Phase.RETRYING, verb, wait, {"crashes": story.crashes})


STEPS_PER_GENERATION = 40
"""A step leaves at most 8 rows of history, so that a life stays under 400, whatever a job's age."""


def blast_job(context: Context) -> Steps:
    """Do the step that the last one asked for, rest as long as it asked, until a step ends the job.

    What is done, and when, is decided by the activities: they see the job's row. So settings and
    rules can change under a running job, and nothing here can disagree with a replayed history.
    """
    story = serialization.deserialize(Story, context.get_input())
    cancel = context.wait_for_external_event(WAKE_EVENT)
    heard = False
    for _ in range(STEPS_PER_GENERATION):
        story, decision = yield from run_activity(context, story)
        context.set_custom_status({"phase": decision.phase, **decision.custom_status})
        if decision.next_stage is None:
            return {"phase": decision.phase}
        if heard or not cancel.is_completed:  # one that came during the step leaves no rest
            yield from sleep(context, decision.delay, cancel)
        heard = cancel.is_completed
        story = story.after(decision)
        if heard and story.hears_again:
            break
    # Drops an unread event; the row has its news, and the step that comes now reads the row.
    context.continue_as_new(serialization.serialize(story))
    return None


def run_activity(context: Context, story: Story) -> Steps:
    """Run the activity; answer with its report, or with what its crash calls for."""
    try:
        answer: Any = yield context.call_activity(story.verb, serialization.serialize(story.order))
    except Exception as crash:  # noqa: BLE001  the SDK tells every death of an activity this way
        return story.crashed(str(crash))
    return story.went_well(), serialization.deserialize(Decision, answer)


def sleep(context: Context, wait: timedelta, cancel: Task) -> Steps:
    """Wait, but not past a cancel. The event only wakes: the truth is in the row."""
    if wait <= timedelta(0):
        return
    timer = context.create_timer(context.current_utc_datetime + wait)
    if cancel.is_completed:
        yield timer
        return
    winner = yield context.task_any([timer, cancel])
    if winner is cancel:
        timer.cancel()
