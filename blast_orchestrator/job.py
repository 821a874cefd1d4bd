"""The orchestrator of a job, from its acceptance to its end. Pure, as Durable replays it.

Which stage follows is decided by workflow.decide, in the step runner around each activity, in the
transaction that records the step. So rules and settings can change under running jobs, and nothing
here can disagree with a replayed history.
"""

from dataclasses import replace
from datetime import timedelta

from blast_orchestrator.context import Context, Steps, Task
from blast_orchestrator.workflow import ACTIVITY, CHUNK_ACTIVITY
from shared.contracts import serialization
from shared.contracts.activities import (
    WAKE_EVENT,
    ActivityInput,
    ActivityName,
    Chunk,
    ChunkResult,
    SearchState,
    StepResult,
)
from shared.contracts.states import Phase

STEPS_PER_GENERATION = 40
"""A step leaves at most 8 rows of history, so that a generation stays under 400."""


def blast_job(context: Context) -> Steps:
    """Run the stage's activity, follow its result, and sleep, until the job has ended.

    Chunks are worked on in a generation of their own. The SDK delivers one event per
    generation, so that a generation also ends when it was woken.
    """
    state = serialization.deserialize(SearchState, context.get_input())
    wake = context.wait_for_external_event(WAKE_EVENT)
    if state.fan_out:
        state, delay = yield from run_chunks(context, state)
        yield from sleep(context, delay, wake)
        context.continue_as_new(serialization.serialize(state))
        return None
    for _ in range(STEPS_PER_GENERATION):
        state, step = yield from run_activity(context, state)
        context.set_custom_status({"phase": step.phase, **step.custom_status})
        if step.next_stage is None:
            return {"phase": step.phase}
        yield from sleep(context, step.delay, wake)
        if wake.is_completed or state.fan_out:
            break
    # This drops an event that has not been delivered: the next step reads the row.
    context.continue_as_new(serialization.serialize(state))
    return None


def run_activity(context: Context, state: SearchState) -> Steps:
    """Run the activity of the stage, or after the last crash record_crash.

    Returns the state behind it, and its result. In a clean-up record_crash ends the job only after
    CLEANUP_TIMEOUT; until then the clean-up is tried again without limit.
    """
    is_last = has_no_try_left(state)
    name = ActivityName.RECORD_CRASH if is_last else ACTIVITY[state.stage]
    input_ = ActivityInput(
        state.job_id, state.step, state.crash, state.attempt, trace_parent=state.trace_parent
    )
    try:
        answer = yield context.call_activity(name, serialization.serialize(input_))
    except Exception as crash:  # noqa: BLE001  the SDK raises no other type for a failed activity
        # A crash of record_crash is not the one to record.
        text = state.crash if is_last else str(crash)
        return crashed(state, text)
    step = serialization.deserialize(StepResult, answer)
    following = replace(
        state,
        stage=step.next_stage or state.stage,
        step=step.next_step,
        crashes=0,
        crash=None,
        fan_out=step.fan_out,
    )
    return following, step


def run_chunks(context: Context, state: SearchState) -> Steps:
    """Work on the chunks side by side. Returns the state with those left, and the delay.

    The activities return trouble as a value, as task_all fails at the first error.
    """
    try:
        answers = yield context.task_all(
            [
                context.call_activity(CHUNK_ACTIVITY[state.stage], input_of(state, chunk))
                for chunk in state.fan_out
            ]
        )
    except Exception as crash:  # noqa: BLE001  the SDK raises no other type for a failed activity
        state, step = crashed(state, str(crash))
        return state, step.delay
    results = [serialization.deserialize(ChunkResult, answer) for answer in answers]
    chunks = zip(state.fan_out, results, strict=True)
    state = replace(state, fan_out=tuple(chunk for chunk, made in chunks if not made.is_done))
    if texts := [made.crash for made in results if made.crash]:
        state, step = crashed(state, texts[0])
        return state, step.delay
    return replace(state, crashes=0, crash=None), max(made.delay for made in results)


def input_of(state: SearchState, chunk: Chunk) -> object:
    """The input of the activity for one chunk."""
    input_ = ActivityInput(
        state.job_id,
        state.step,
        attempt=state.attempt,
        chunk=chunk,
        trace_parent=state.trace_parent,
    )
    return serialization.serialize(input_)


def crashed(state: SearchState, text: str | None) -> tuple[SearchState, StepResult]:
    """The same stage again, as the crash policy says; after the last try record_crash, at once.

    record_crash itself is tried without limit: a job must not be lost with its reason.
    """
    again = replace(state, crashes=state.crashes + 1, crash=text, step=state.step + 1)
    delay = state.crash_retry.delay_after_attempt(again.crashes)
    if delay is None:
        again = replace(again, fan_out=())
        delay = state.crash_retry.longest if has_no_try_left(state) else timedelta(0)
    status = {"crashes": again.crashes}
    return again, StepResult(Phase.RETRYING, state.stage, again.step, delay, status)


def has_no_try_left(state: SearchState) -> bool:
    """Whether the stage's activity has crashed so often that its crash is recorded."""
    return state.crashes > 0 and state.crash_retry.delay_after_attempt(state.crashes) is None


def sleep(context: Context, delay: timedelta, wake: Task) -> Steps:
    """Sleep until the delay is over or the wake event comes; a wake before it leaves no delay."""
    if delay <= timedelta(0) or wake.is_completed:
        return
    timer = context.create_timer(context.current_utc_datetime + delay)
    winner = yield context.task_any([timer, wake])
    if winner is wake:
        timer.cancel()
