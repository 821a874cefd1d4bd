"""Where an orchestration stands between two steps: a value that survives continue_as_new."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Self

from shared.contracts.states import Phase
from shared.contracts.steps import Category, Order, Report, Verb
from shared.waiting import Retry


@dataclass(frozen=True)
class Story:
    """The next step of a job. `crash_retry` is set when the job starts and stays."""

    job_id: str
    crash_retry: Retry
    verb: Verb = Verb.PREPARE
    step: int = 1
    tries: Mapping[Category, int] = field(default_factory=dict)
    crash: str | None = None

    @property
    def order(self) -> Order:
        """What the next activity is given."""
        return Order(self.job_id, self.step, dict(self.tries), self.crash)

    def after(self, report: Report) -> Self:
        """The story once the step has reported. A step that went well clears the count of tries."""
        tries = {}
        if report.category:
            tries = {**self.tries, report.category: self.tries.get(report.category, 0) + 1}
        crash = self.crash if report.category is Category.CRASH else None
        return replace(
            self, verb=report.next or self.verb, step=self.step + 1, tries=tries, crash=crash
        )

    def crashed(self, text: str) -> tuple[Self, Report]:
        """What to do after an activity died: again later, and after the last try end the job.

        Ending the job is itself tried without limit: a job must not be lost with its reason.
        """
        tried = self.tries.get(Category.CRASH, 0) + 1
        wait = self.crash_retry.wait(tried)
        verb = self.verb
        if wait is None:
            verb, wait = Verb.FAIL, self.crash_retry.longest if verb is Verb.FAIL else timedelta(0)
        report = Report(Phase.RETRYING, verb, wait, Category.CRASH, {"crash": text[:200]})
        return replace(self, crash=text), report
