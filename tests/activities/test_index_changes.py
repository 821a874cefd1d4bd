"""Results that change while they are indexed."""

import gzip

import pytest

from activities import index as index_activity
from shared.contracts.states import Phase
from tests.activities.test_index import (
    TABLE,
    collected,
    index_of,
    indexing,
    input_of,
    plan_index,
)
from tests.simulation.scene import Scene


async def test_a_part_of_files_that_have_changed_is_indexed_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As results that are written again, or collected again with one more file."""
    monkeypatch.setattr(index_activity, "SMALL", 0)
    job = await collected(scene)
    (chunk,) = (await plan_index(scene, job)).fan_out
    activity = indexing(scene)
    await activity.index_hits(await input_of(scene, job, chunk))
    url = f"{job.results_prefix}batch_001-blastn-16s.out.gz"
    await scene.store.blobs.put(url, gzip.compress((TABLE.format(1) + TABLE.format(2)).encode()))
    assert (await plan_index(scene, job)).fan_out == (chunk,)
    await activity.index_hits(await input_of(scene, job, chunk))
    assert (await plan_index(scene, job)).phase is Phase.COMPLETED
    index = await index_of(scene, job)
    assert index is not None
    assert (index.hits, index.queries) == (3, 3)
