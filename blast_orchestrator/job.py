"""One job, from its acceptance to its end."""

from datetime import timedelta
from typing import Any

from blast_orchestrator.context import Context, Steps, Task
from blast_orchestrator.story import Story
from shared.contracts import wire
from shared.contracts.steps import CANCEL_EVENT, Report

STEPS_PER_LIFE = 40
"""A step leaves at most 8 rows of history, so that a life stays under 400, whatever a job's age."""


def blast_job(context: Context) -> Steps:
    """Do the step that the last one asked for, rest as long as it asked, until a step ends the job.

    What is done, and when, is decided by the activities: they see the job's row. So settings and
    rules can change under a running job, and nothing here can disagree with a replayed history.
    """
    story = wire.read(Story, context.get_input())
    cancel = context.wait_for_external_event(CANCEL_EVENT)
    heard = False
    for _ in range(STEPS_PER_LIFE):
        story, report = yield from perform(context, story)
        context.set_custom_status({"phase": report.phase, **report.postcard})
        if report.next is None:
            return {"phase": report.phase}
        if heard or not cancel.is_completed:  # one that came during the step leaves no rest
            yield from rest(context, report.wait, cancel)
        heard = cancel.is_completed
        story = story.after(report)
        if heard and story.hears_again:
            break
    # Drops an unread event; the row has its news, and the step that comes now reads the row.
    context.continue_as_new(wire.write(story))
    return None


def perform(context: Context, story: Story) -> Steps:
    """Run the activity; answer with its report, or with what its crash calls for."""
    try:
        answer: Any = yield context.call_activity(story.verb, wire.write(story.order))
    except Exception as crash:  # noqa: BLE001  the SDK tells every death of an activity this way
        return story.crashed(str(crash))
    return story.went_well(), wire.read(Report, answer)


def rest(context: Context, wait: timedelta, cancel: Task) -> Steps:
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
