"""Failure 42: today's orchestrator goes on with jobs that earlier code began."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from blast_orchestrator import job
from blast_orchestrator.job import blast_job
from local.functions_host.durable.history import Event, Type
from shared.contracts.activities import (
    BATCH_ORCHESTRATOR,
    ORCHESTRATOR,
    WAKE_EVENT,
    ActivityName,
)
from tests.replay.histories import HISTORIES, RENEWED, difference, episodes, read_history

pytestmark = [  # the SDK warns of what is as it should be; raised inside it, that would change it
    pytest.mark.filterwarnings("ignore:azure.functions df_loads was called:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Potential duplicate Task completion:UserWarning"),
]

FILES = sorted(HISTORIES.glob("*/*.json"))
SHAPES = {
    "happy-1",
    "capacity_retry-1",
    "transient_retries-1",
    "cancelled_while_running-1",
    "cancelled_in_a_retry_wait-1",
    "cancelled_during_a_step-1",
    "cancelled_without_a_cluster-1",
    "woken_for_the_slot-1",
    "crash_that_passes-1",
    "crash_to_the_end-1",
    "continued_as_new-1",
    "continued_as_new-2",
    "batch_of_two-1",
    "batch_of_two-2",
    "batch_of_two-3",
}

each_history = pytest.mark.parametrize(
    "path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}"
)


def of_shape(name: str) -> list[Event]:
    """A recorded generation of this shape."""
    return read_history(next(path for path in FILES if path.stem == name))


@each_history
def test_failure_42_each_recorded_history_is_replayed_wake_up_by_wake_up(path: Path) -> None:
    assert difference(blast_job, read_history(path)) is None


@each_history
def test_failure_42_the_names_in_a_history_are_still_registered(path: Path) -> None:
    history = read_history(path)
    called = {e["Name"] for e in history if e["EventType"] == Type.TASK_SCHEDULED}
    raised = {e["Name"] for e in history if e["EventType"] == Type.EVENT_RAISED}
    begun = [e["Name"] for e in history if e["EventType"] == Type.EXECUTION_STARTED]
    assert called and called <= set(ActivityName)
    assert raised <= {WAKE_EVENT}
    is_batch = path.stem.startswith("batch")
    assert begun == [BATCH_ORCHESTRATOR if is_batch else ORCHESTRATOR]


def test_every_shape_is_recorded() -> None:
    assert {path.stem for path in FILES} >= SHAPES
    assert ActivityName.CREATE_CHILDREN in {e.get("Name") for e in of_shape("batch_of_two-2")}
    assert of_shape("continued_as_new-1")[-1]["OrchestrationStatus"] == RENEWED
    crashing = [path for path in FILES if path.stem.startswith("crash_that_passes")]
    kinds = {event["EventType"] for path in crashing for event in read_history(path)}
    assert Type.TASK_FAILED in kinds
    assert any(e["EventType"] == Type.EVENT_RAISED for e in of_shape("cancelled_while_running-1"))
    wake_ups: Counter[tuple[str, str]] = Counter()
    for path in FILES:  # of all generations of a job: one that is woken early is short
        job = (path.parent.name, path.stem.rpartition("-")[0])
        wake_ups[job] += len(list(episodes(read_history(path))))
    assert min(wake_ups.values()) > 4


@each_history
def test_failure_22_a_recorded_history_has_no_path_no_secret_and_no_sequence(path: Path) -> None:
    text = path.read_text()
    assert len(text) < 100_000
    for never in (r"/(home|work|root|tmp|usr)/", r"\b[0-9a-f]{64}\b", r"[ACGT]{20}", r"(?i)token"):
        assert not re.search(never, text)


# The check can fail: each of these is code that a running job would not survive.


class Other:
    """The SDK's context, but for what a test changes."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


class Slower(Other):
    def create_timer(self, fire_at: datetime) -> Any:
        return self._context.create_timer(fire_at + timedelta(seconds=1))


class Renaming(Other):
    def call_activity(self, name: str, input_: Any) -> Any:
        return self._context.call_activity(f"{name}_v2", input_)


class Forgetful(Other):
    def continue_as_new(self, input_: Any) -> None:
        self._context.continue_as_new(input_ | {"step": 1})


class Deaf(Other):
    def wait_for_external_event(self, name: str) -> Any:
        return self._context.wait_for_external_event("stop")


def observing_first(context: Any) -> Any:
    yield context.call_activity(ActivityName.OBSERVE_SEARCH, {"job_id": "job-1", "step": 0})
    return (yield from blast_job(context))


def collecting_last(context: Any) -> Any:
    output = yield from blast_job(context)
    yield context.call_activity(ActivityName.COLLECT_RESULTS, {"job_id": "job-1", "step": 99})
    return output


def returning_more(context: Any) -> Any:
    output = yield from blast_job(context)
    return output | {"more": 1}


def through(other: type[Other]) -> Callable[[Any], Any]:
    """Today's orchestrator, over another context."""

    def orchestrator(context: Any) -> Any:
        return (yield from blast_job(other(context)))

    return orchestrator


@pytest.mark.parametrize(
    ("orchestrator", "shape", "text"),
    [
        (observing_first, "happy-1", "wake-up 0: now .*observe_search.* then .*prepare_search"),
        (collecting_last, "happy-1", "now .*collect_results.* then .*Completed"),
        (returning_more, "happy-1", "now .*'more': 1.* then .*Completed"),
        (through(Slower), "capacity_retry-1", r"now \[\[10, 3, None, .* then \[\[10, 3, None, "),
        (through(Renaming), "crash_that_passes-1", "now .*prepare_search_v2.* then"),
        (through(Deaf), "cancelled_in_a_retry_wait-1", r"now \[\], and then .*ContinuedAsNew"),
        (through(Forgetful), "continued_as_new-1", "now .*step=1,.* then .*step=41,"),
    ],
)
def test_code_that_differs_is_found(
    orchestrator: Callable[[Any], Any], shape: str, text: str
) -> None:
    assert re.search(text, difference(orchestrator, of_shape(shape)) or "")


def test_a_generation_of_another_length_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "STEPS_PER_GENERATION", 39)
    text = difference(blast_job, of_shape("continued_as_new-1"))
    assert text and RENEWED in text


def test_code_that_schedules_at_random_is_found() -> None:
    """Each wake-up by itself agrees with history in kind; only the earlier ones differ."""
    rounds = iter(range(1000))

    class Moody(Other):
        def wait_for_external_event(self, name: str) -> Any:
            return self._context.wait_for_external_event(f"{name}{next(rounds)}")

    text = difference(through(Moody), of_shape("capacity_retry-1"))
    assert text and "do not begin with" in text
