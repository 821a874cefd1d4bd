"""What metrics must say, by the tables: the sums of rows and histories, written down anew.

This shares no code with `shared/telemetry/transitions.py`, which makes the measurements.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.contracts.job import Event, Job

Attributes = frozenset[tuple[str, str]]
Report = tuple[str, str, str, datetime]
"""A reported transition: job, event, phase, time."""
FROM_TRANSITIONS = (
    "blast.jobs.accepted",
    "blast.jobs.ended",
    "blast.job.duration",
    "blast.submit_slot.wait",
    "blast.submit.duration",
    "blast.first_batch.duration",
    "blast.retries",
)
"""The metrics that follow from histories."""


@dataclass(frozen=True)
class Total:
    """The values of a metric with the same attributes: their sum, and how many there are.

    The number is that of a histogram; a counter is exported as its sum alone.
    """

    sum: float = 0.0
    count: int = 0

    def plus(self, value: float) -> "Total":
        return Total(self.sum + value, self.count + 1)


Totals = dict[str, dict[Attributes, Total]]
"""By metric and attributes."""


@dataclass(frozen=True)
class History:
    """A job's row, and its events in their order."""

    job: Job
    events: Sequence[Event]

    @property
    def program(self) -> str:
        return "batch" if self.job.child_count else self.job.search.program.value

    def reports(self) -> list[Report]:
        """What must be reported of it."""
        return [report_of(event) for event in self.events]


@dataclass
class _Attempt:
    """Where a walk through a history is."""

    accepted_at: datetime
    submitted_at: datetime | None = None
    has_batch: bool = False


@dataclass
class _Walk:
    """Adds what each event of one history says."""

    history: History
    totals: Totals
    unreported: Counter[Report]
    attempt: _Attempt = field(init=False)

    def run(self) -> None:
        before: Event | None = None
        entered = self.history.events[0].at
        for event in self.history.events:
            is_reported = not self.unreported[report_of(event)]
            self.unreported[report_of(event)] -= not is_reported
            for name, value, attributes in self._values(before, event, event.at - entered):
                if is_reported:
                    _add(self.totals, name, value, attributes)
            if before is None or event.phase is not before.phase:
                entered = event.at
            before = event

    def _values(
        self, before: Event | None, event: Event, in_phase: timedelta
    ) -> Iterator[tuple[str, float, Mapping[str, str | None]]]:
        payload, program = event.payload, self.history.program
        if before is None:
            self.attempt = _Attempt(event.at)
            source = self.history.job.submission_source
            yield "blast.jobs.accepted", 1, {"source": source, "program": program}
            return
        if event.event == "retry_requested":
            self.attempt = _Attempt(event.at)
        if event.event == "retry_scheduled":
            why = {"category": payload["category"], "code": payload["error_code"]}
            yield "blast.retries", 1, why
        if before.phase == "waiting_for_submit_slot" != event.phase:
            yield "blast.submit_slot.wait", in_phase.total_seconds(), {}
        if event.event == "submitted":
            self.attempt.submitted_at = self._submitted_at(event)
            if payload["took_seconds"]:
                yield "blast.submit.duration", payload["took_seconds"], {}
        yield from self._first_batch(event)
        if event.phase.is_end and not before.phase.is_end:
            phase, code = event.phase.value, payload.get("error_code")
            took = event.at - self.attempt.accepted_at
            ended = {"phase": phase, "error_code": code, "program": program}
            yield "blast.jobs.ended", 1, ended
            yield "blast.job.duration", took.total_seconds(), {"phase": phase}

    def _submitted_at(self, event: Event) -> datetime:
        """The row has it, of the last submission; the event is written somewhat later."""
        last = [each.at for each in self.history.events if each.event == "submitted"][-1]
        return (event.at == last and self.history.job.started_at) or event.at

    def _first_batch(self, event: Event) -> Iterator[tuple[str, float, Mapping[str, str | None]]]:
        """By the counts in the events: nothing of a search of which no batch succeeded."""
        submitted = self.attempt.submitted_at
        if self.history.job.child_count or submitted is None or self.attempt.has_batch:
            return
        if event.payload.get("succeeded"):
            self.attempt.has_batch = True
            yield "blast.first_batch.duration", (event.at - submitted).total_seconds(), {}


def report_of(event: Event) -> Report:
    return event.job_id, event.event, event.phase.value, event.at


def unreported(histories: Iterable[History], reported: Iterable[Report]) -> Counter[Report]:
    """The events of the histories that were not reported; asserts that nothing else was."""
    expected = Counter(report for history in histories for report in history.reports())
    found = Counter(reported)
    assert found - expected == Counter(), "reported, but not in the histories, or twice"
    return expected - found


def expected_totals(histories: Iterable[History], lost: Counter[Report]) -> Totals:
    """What the metrics must say of the histories, but for the events that are `lost`."""
    totals: Totals = defaultdict(dict)
    left = lost.copy()
    for history in histories:
        _Walk(history, totals, left).run()
    return totals


def _add(totals: Totals, name: str, value: float, attributes: Mapping[str, str | None]) -> None:
    key = frozenset((name, text) for name, text in attributes.items() if text is not None)
    totals[name][key] = totals[name].get(key, Total()).plus(value)
