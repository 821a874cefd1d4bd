"""I3, I7: a search whose writes are applied, and whose responses are lost, is done as any other."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from local.azurite import Azurite
from shared.contracts.states import Phase
from tests.simulation.invariants import check_ended, check_now
from tests.simulation.scene import Scene, Store
from tests.support.lost_responses import STRIDES, LosingTable, LostResponse
from tests.support.samples import settings


@pytest.fixture
async def store(azurite: Azurite) -> Store:
    """Tables of the test's own, whose lists are short."""
    return await Store.on(azurite, settings())


async def whole_search(store: Store, lost: LostResponse, is_cancelled: bool) -> Any:
    """The history of a search and its messages, with the index rows that are left."""
    tables: Any = tuple(LosingTable(table, lost) for table in store.tables)
    scene = Scene(replace(store, tables=tables))
    scene.environment.batch_time = timedelta(minutes=1)
    lost.writes = 0
    job = await scene.accept(notify=True)
    await scene.drive(job)
    if is_cancelled:
        await scene.run(timedelta(seconds=20))
        await scene.cancel(job)
    await scene.run()
    ended = await scene.now(job)
    await check_now(scene, [ended], {})
    await check_ended(scene, [ended])
    listed = (await scene.jobs.index.page(job.owner, 200)).jobs
    assert [each.phase for each in listed if each.job_id == job.job_id] == [ended.phase]
    assert len(scene.environment.processes) == 1
    messages = await scene.jobs.pending_messages(job.job_id)
    return ended.phase, [each.event for each in await scene.events(job)], len(messages)


@STRIDES
@pytest.mark.parametrize("is_cancelled", [False, True], ids=["completed", "cancelled"])
async def test_a_lost_response_changes_nothing_for_a_search(
    store: Store, is_cancelled: bool, stride: int
) -> None:
    lost = LostResponse()
    expected = await whole_search(store, lost, is_cancelled)
    writes = lost.writes
    assert expected[0] is (Phase.CANCELLED if is_cancelled else Phase.COMPLETED)
    for number in range(0, writes, stride):
        lost.number = number
        assert await whole_search(store, lost, is_cancelled) == expected, f"write {number}"
