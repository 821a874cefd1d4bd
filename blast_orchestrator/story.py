"""Where an orchestration stands between two steps: a value that survives continue_as_new."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self

from shared.contracts.states import Phase
from shared.contracts.steps import Order, Report, Verb
from shared.waiting import Retry


@dataclass(frozen=True)
class Story:
    """The next step of a job. `crash_retry` is set when the job starts and stays."""

    job_id: str
    crash_retry: Retry
    attempt: int = 1
    verb: Verb = Verb.PREPARE
    step: int = 1
    crashes: int = 0
    """How often in a row the activity has died."""
    crash: str | None = None
    """What it died of last."""
    hears_again: bool = False
    """Whether it hears another event after the first, in a new life; jobs of old do not."""

    @property
    def order(self) -> Order:
        """What the next activity is given."""
        return Order(self.job_id, self.step, self.crash, self.attempt)

    def after(self, report: Report) -> Self:
        """The story once the step has reported."""
        return replace(self, verb=report.next or self.verb, step=self.step + 1)

    def went_well(self) -> Self:
        """The story without its crashes."""
        return replace(self, crashes=0, crash=None)

    def crashed(self, text: str) -> tuple[Self, Report]:
        """What to do after an activity died: again later, and after the last try end the job.

        Ending the job is itself tried without limit: a job must not be lost with its reason.
        """
        story = replace(self, crashes=self.crashes + 1, crash=text)
        wait = self.crash_retry.wait(story.crashes)
        verb = self.verb
        if wait is None:
            wait = self.crash_retry.longest if verb is Verb.FAIL else timedelta(0)
            verb = Verb.FAIL
        return story, Report(Phase.RETRYING, verb, wait, {"crashes": story.crashes})
