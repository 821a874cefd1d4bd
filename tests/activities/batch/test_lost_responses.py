"""I3, I7: a batch whose writes are applied, and whose responses are lost, has each search once."""

import pytest

from shared.contracts.activities import Stage
from shared.contracts.states import Phase
from shared.jobs import Index, JobStateRepository
from tests.activities.batch.batch_fixture import Make
from tests.shared.jobs.conftest import Clock
from tests.support.lost_responses import STRIDES, LosingTable, LostResponse
from tests.support.samples import RECONCILE_AFTER


@pytest.fixture
def lost() -> LostResponse:
    return LostResponse()


@pytest.fixture
def jobs(jobs: JobStateRepository, clock: Clock, lost: LostResponse) -> JobStateRepository:
    tables = [LosingTable(table, lost) for table in (jobs._jobs, jobs.index._table)]
    return JobStateRepository(tables[0], Index(tables[1], RECONCILE_AFTER), clock)


async def whole_batch(make: Make) -> tuple[list[str], list[list[str]], list[int], list[Phase]]:
    """The events of a batch and of its searches, their starts, and their ends by the list."""
    batch = await make(3, chunk=2)
    await batch.until(Stage.WATCH_CHILDREN)
    for number in (1, 2, 3):
        await batch.end(number, Phase.COMPLETED)
    result = await batch.say(Stage.WATCH_CHILDREN)
    while result.next_stage:
        result = await batch.say(result.next_stage)
    children = await batch.children()
    store = batch.batch.context.jobs
    events = [[each.event for each in await store.events(child.job_id)] for child in children]
    starts = [batch.durable.started[child.job_id] for child in children]
    return await batch.events(), events, starts, [child.phase for child in children]


@STRIDES
async def test_a_lost_response_changes_nothing_for_a_batch(
    make: Make, lost: LostResponse, stride: int
) -> None:
    expected = await whole_batch(make)
    writes = lost.writes
    assert expected[2:] == ([1] * 3, [Phase.COMPLETED] * 3)
    for number in range(0, writes, stride):
        lost.number, lost.writes = number, 0
        assert await whole_batch(make) == expected, f"write {number}"
