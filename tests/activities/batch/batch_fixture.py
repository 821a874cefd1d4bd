"""A batch of searches on a real job store, with Durable Functions that only remembers."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from activities.batch import Batch
from shared.clients.blobs import Blobs
from shared.contracts.activities import Order, Report, Verb
from shared.contracts.job import Job, child_id
from shared.contracts.search import Asked
from shared.contracts.states import Phase
from shared.contracts.storage_urls import Account
from shared.errors import Unavailable
from shared.jobs.batch_blob import batch_url, written
from tests.support.samples import job, search

MOST_STEPS = 40
FASTA = ">q\nACGT\n"
Make = Callable[..., "Family"]


@dataclass
class Remembered:
    """Which orchestrations were started, and which were woken. `refuse` makes it raise once."""

    started: Counter[str] = field(default_factory=Counter)
    woken: Counter[str] = field(default_factory=Counter)
    refuse: str | None = None

    def ensure_started(self, job: Job) -> None:
        if job.job_id == self.refuse:
            self.refuse = None
            raise Unavailable("not_started", "away")
        self.started[job.job_id] += 1

    def wake(self, job: Job) -> None:
        self.woken[job.job_id] += 1


@dataclass
class Family:
    """A batch, with the verbs of its orchestration said one after another."""

    batch: Batch
    durable: Remembered
    parent_id: str
    _step: int = 0

    @property
    def parent(self) -> Job:
        return self.batch.desk.jobs.get(self.parent_id)

    @property
    def order(self) -> Order:
        return Order(self.parent_id, self._step)

    def child(self, number: int) -> Job:
        return self.batch.desk.jobs.get(child_id(self.parent_id, number))

    def children(self) -> list[Job]:
        found: list[Job] = []
        cursor: str | None = ""
        while cursor is not None:
            page = self.batch.desk.jobs.index.children(self.parent_id, 500, cursor)
            found, cursor = [*found, *page.jobs], page.cursor
        return found

    def say(self, verb: Verb) -> Report:
        self._step += 1
        verbs: dict[Verb, Callable[[Order], Report]] = {
            Verb.FAN_OUT: self.batch.fan_out,
            Verb.GATHER: self.batch.gather,
            Verb.STOP_CHILDREN: self.batch.stop,
        }
        return verbs[verb](self.order)

    def until(self, verb: Verb, report: Report | None = None) -> Report:
        """Obey, from fan-out or from a report on, until a report says this verb comes next."""
        report = report or self.say(Verb.FAN_OUT)
        for _ in range(MOST_STEPS):
            if report.next in (verb, None):
                return report
            assert report.next is not None
            report = self.say(report.next)
        raise AssertionError(f"{verb} does not come after {MOST_STEPS} steps")

    def ask_to_cancel(self) -> None:
        jobs = self.batch.desk.jobs
        jobs.update(self.parent_id, "cancel_requested", cancel_requested_at=self.batch.desk.now())

    def end_parent(self, phase: Phase) -> None:
        """Another step ends the batch while this one goes on."""
        for step in (Phase.CANCELLING, phase):
            self.batch.desk.jobs.update(self.parent_id, step.value, phase=step)

    def end(self, number: int, phase: Phase) -> None:
        """A child's own orchestration brings it to this end."""
        jobs = self.batch.desk.jobs
        one = self.child(number)
        ways = {
            Phase.COMPLETED: (Phase.EXPORTING_RESULTS, Phase.COMPLETED),
            Phase.CANCELLED: (Phase.CANCELLING, Phase.CANCELLED),
            Phase.TIMED_OUT: (Phase.CANCELLING, Phase.TIMED_OUT),
        }
        for step in ways.get(phase, (phase,)):
            jobs.update(one.job_id, step.value, phase=step)

    def events(self) -> list[str]:
        found = self.batch.desk.jobs.events(self.parent_id)
        assert [one.sequence for one in found] == list(range(1, len(found) + 1))
        return [one.event for one in found]


def family(make: Callable[[Remembered], Batch], blobs: Blobs, size: int, **changes: Any) -> Family:
    """A batch of so many searches that was accepted at noon."""
    parent = job(uuid.uuid4().int, children=size, fingerprint="c" * 64, **changes)
    searches = [
        Asked(search(query_url="", title=f"search {n}"), FASTA, f"{n:064x}")
        for n in range(1, size + 1)
    ]
    account = Account(parent.search.placement.storage_account)
    blobs.put_first(batch_url(account, parent.job_id, parent.fingerprint), written(searches))
    durable = Remembered()
    batch = make(durable)
    batch.desk.jobs.create(parent, {})
    return Family(batch, durable, parent.job_id)


@contextmanager
def meanwhile(one: Family, number: int, happens: Callable[[], object]) -> Iterator[None]:
    """Let something happen just before the row of the child of that number is written."""
    create = one.batch.desk.jobs.create

    def interrupted(child: Job, payload: Any) -> Job:
        if child.child_number == number:
            happens()
        return create(child, payload)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one.batch.desk.jobs, "create", interrupted)
        yield


def power_loss() -> None:
    raise KeyError("power loss")
