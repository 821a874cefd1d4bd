"""Reported transitions are the events of the history, in the same order: none without a commit."""

import uuid
from collections.abc import Sequence

import pytest

from local.azurite import Azurite
from shared.clients.tables import ConcurrencyConflict, Table, Write, open_table
from shared.contracts.states import Phase
from shared.errors import Conflict, Unavailable
from shared.jobs import Index, JobStateRepository
from tests.shared.jobs.conftest import Clock
from tests.support.reports import Reports
from tests.support.samples import RECONCILE_AFTER, job


class Unsteady(Table):
    """A table whose next commit fails as `fault` says: `before` or `after` it was applied, or
    applied and `unanswered`."""

    def __init__(self, real: Table) -> None:
        self.__dict__ |= real.__dict__
        self.fault = ""

    async def commit(self, writes: Sequence[Write]) -> list[str]:
        fault, self.fault = self.fault, ""
        if fault == "before":
            raise Unavailable("storage_unavailable", "it did not answer")
        etags = await super().commit(writes)
        if fault == "after":  # as a retry of the SDK whose first try was applied
            raise ConcurrencyConflict
        if fault == "unanswered":  # the SDK does not send a POST again
            raise Unavailable("storage_unavailable", "it did not answer")
        return etags


class Store:
    """A job store whose transitions are reported."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self.table, self.reports = Unsteady(table), Reports()
        index = Index(table, RECONCILE_AFTER)
        self.jobs = JobStateRepository(self.table, index, clock, self.reports.telemetry())

    async def assert_alike(self, *names: str) -> None:
        """The reports are these events, and those of the history."""
        history = await self.jobs.events(job().job_id)
        reported = [(each["event"], each["phase"]) for each in self.reports.events()]
        assert reported == [(each.event, each.phase.value) for each in history]
        assert [name for name, _ in reported] == list(names)


@pytest.fixture
async def store(azurite: Azurite, clock: Clock) -> Store:
    table = open_table(f"t{uuid.uuid4().hex}", azurite.connection_string, "", None)
    await table.ensure()
    return Store(table, clock)


async def test_every_committed_transition_is_reported_once(store: Store) -> None:
    one = await store.jobs.create(job(), {"source": "http"})
    await store.jobs.create(job(), {"source": "http"})  # the same request again
    await store.jobs.update(one.job_id, "submitted", phase=Phase.SUBMITTED)
    await store.jobs.append_history(one.job_id, "progress", {"done": 1})
    await store.jobs.request_cancel(one.job_id)
    await store.jobs.request_cancel(one.job_id)
    await store.jobs.update(one.job_id, "cancelling", phase=Phase.CANCELLING)
    await store.jobs.update(one.job_id, "cancelled", phase=Phase.CANCELLED)
    with pytest.raises(Conflict):
        await store.jobs.update(one.job_id, "running", phase=Phase.RUNNING)
    await store.jobs.delete(one.job_id)
    await store.assert_alike(
        *("accepted", "submitted", "progress", "cancel_requested"),
        *("cancelling", "cancelled", "deleted"),
    )


@pytest.mark.parametrize("fault", ["before", "after", "unanswered"])
async def test_a_transition_is_reported_if_and_only_if_it_was_committed(
    store: Store, fault: str
) -> None:
    for name in ("accepted", "running"):
        store.table.fault = fault
        for _ in range(2):  # the caller tries again
            try:
                if name == "accepted":
                    await store.jobs.create(job(), {})
                else:
                    await store.jobs.update(
                        job().job_id,
                        name,
                        unless=lambda job: job.phase is not Phase.QUEUED,
                        phase=Phase.SUBMITTING,
                    )
            except Unavailable:
                continue
    await store.assert_alike("accepted", "running")
