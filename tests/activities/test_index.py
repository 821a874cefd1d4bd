"""The stage INDEX: hits are indexed before a search is completed, and it never fails for them."""

import gzip
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from activities import index as index_activity
from activities.index import HitIndexing
from shared.clients.blobs import Blobs
from shared.contracts.activities import (
    ActivityInput,
    ActivityName,
    Chunk,
    ChunkResult,
    Stage,
    StepResult,
)
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.errors import Unavailable
from shared.hits import store as hit_store
from shared.hits.convert import HITS
from shared.hits.index import HitIndex
from shared.hits.indexer import BUSY_DELAY, Indexer
from shared.hits.segment import BuiltSegment, build_segment
from shared.hits.store import COMPLETE, IndexStore
from tests.activities.test_observe import look
from tests.simulation.models import TTL, ProcessDied
from tests.simulation.scene import Scene
from tests.support import samples

TABLE = (
    "# BLASTN 2.12.0+\n# Query: q{0}\n# Database: db\n"
    "# Fields: query acc.ver, subject acc.ver, % identity, alignment length, mismatches,"
    " gap opens, q. start, q. end, s. start, s. end, evalue, bit score\n# 1 hits found\n"
    "q{0}\ts{0}\t98.5\t100\t1\t0\t1\t100\t5\t104\t1e-40\t180\n# BLAST processed 1 queries\n"
)


async def collected(scene: Scene, files: int = 2, outfmt: str = "7") -> Job:
    """A search whose results are there and counted."""
    search = samples.search(results_url=scene.environment.results_url, options=f"-outfmt {outfmt}")
    place = replace(search.placement, cluster_name=scene.name)
    job = await scene.submitted(search=replace(search, placement=place))
    await scene.passes(TTL.total_seconds())
    assert (await look(scene, job)).phase is Phase.EXPORTING_RESULTS
    for number in range(files):
        data = gzip.compress(TABLE.format(number).encode())
        await scene.store.blobs.put(
            f"{job.results_prefix}batch_{number:03}-blastn-16s.out.gz", data
        )
    assert (await scene.do(ActivityName.COLLECT_RESULTS, job)).next_stage is Stage.INDEX
    return await scene.now(job)


async def index_of(scene: Scene, job: Job) -> HitIndex | None:
    return await IndexStore(scene.store.blobs, job.results_prefix).load()


def indexing(scene: Scene, blobs: Blobs | None = None) -> HitIndexing:
    blobs = blobs or scene.store.blobs
    return HitIndexing(scene.context, blobs, Indexer(blobs))


async def input_of(scene: Scene, job: Job, chunk: Chunk | None = None) -> ActivityInput:
    return ActivityInput(job.job_id, (await scene.now(job)).step + 1, chunk=chunk)


async def plan_index(scene: Scene, job: Job) -> StepResult:
    """One step of the stage, which reads the files."""
    return await indexing(scene).plan_index(await input_of(scene, job))


async def test_small_results_are_indexed_in_one_step(scene: Scene) -> None:
    job = await collected(scene)
    assert (await plan_index(scene, job)).phase is Phase.COMPLETED
    index = await index_of(scene, job)
    assert index is not None
    assert [(file.name, file.hits) for file in index.files] == [
        ("batch_000-blastn-16s.out.gz", 1),
        ("batch_001-blastn-16s.out.gz", 1),
    ]
    assert (index.queries, all(file.etag for file in index.files)) == (2, True)
    (event,) = await scene.events(job, "completed")
    assert event.payload == {"index": "complete", "hits": 2, "files": 2}


async def test_large_results_are_indexed_side_by_side(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_activity, "SMALL", 0)
    monkeypatch.setattr(hit_store, "MOST_FILES", 2)
    job = await collected(scene, files=5)
    step = await plan_index(scene, job)
    assert (step.next_stage, step.fan_out) == (
        Stage.INDEX,
        (Chunk(0, 1), Chunk(2, 3), Chunk(4, 4)),
    )
    reason = "hits are being indexed: 0 of 3 parts are done"
    assert (await scene.now(job)).reason == reason
    (event,) = await scene.events(job, "indexing")
    assert event.payload == {"indexed": 0, "expected": 3}
    activity = indexing(scene)
    again = await plan_index(scene, job)  # the history of a long indexing stays short
    assert again.custom_status == {"indexed": 0, "expected": 3}
    assert len(await scene.events(job, "indexing")) == 1
    for chunk in (*step.fan_out, *step.fan_out[:1]):  # the first one twice
        made = await activity.index_hits(await input_of(scene, job, chunk))
        assert made == ChunkResult()
    assert (await plan_index(scene, job)).phase is Phase.COMPLETED
    assert (await scene.now(job)).reason is None
    index = await index_of(scene, job)
    assert index is not None
    assert (len(index.segments), index.hits, index.queries) == (3, 5, 5)


async def test_a_damaged_file_is_named_and_the_search_completed(scene: Scene) -> None:
    job = await collected(scene)
    name = "batch_001-blastn-16s.out.gz"
    await scene.store.blobs.put(job.results_prefix + name, b"\x1f\x8bdamaged")
    assert (await plan_index(scene, job)).phase is Phase.COMPLETED
    index = await index_of(scene, job)
    assert index is not None
    assert [(file.name, file.code) for file in index.unreadable] == [(name, "file_damaged")]
    assert (await scene.events(job, "completed"))[0].payload["files_unreadable"] == 1


@pytest.mark.parametrize("outfmt", ["11", "0"])
async def test_a_format_without_reader_is_completed_at_once(scene: Scene, outfmt: str) -> None:
    job = await collected(scene, outfmt=outfmt)
    assert (await plan_index(scene, job)).phase is Phase.COMPLETED
    assert await index_of(scene, job) is None


@pytest.mark.parametrize("waited", ["index_timeout", "deadline"])
async def test_without_time_left_the_search_is_completed_without_an_index(
    scene: Scene, waited: str
) -> None:
    job = await collected(scene)
    settings = scene.store.settings
    time = settings.index_timeout if waited == "index_timeout" else settings.job_timeout
    await scene.passes(time.total_seconds() + 1)
    chunk = await indexing(scene).index_hits(await input_of(scene, job, Chunk(0, 1)))
    assert chunk == ChunkResult()
    assert (await plan_index(scene, job)).phase is Phase.COMPLETED
    assert await index_of(scene, job) is None
    assert (await scene.events(job, "completed"))[0].payload["index"] == "pending"


@pytest.mark.parametrize("is_late", [False, True])
async def test_an_indexing_that_keeps_crashing_does_not_fail_the_search(
    scene: Scene, is_late: bool
) -> None:
    job = await collected(scene)
    if is_late:
        await scene.passes(scene.store.settings.job_timeout.total_seconds() + 1)
    step = await scene.do(ActivityName.RECORD_CRASH, job, crash="MemoryError")
    assert step.phase is Phase.COMPLETED
    (event,) = await scene.events(job, "completed")
    assert event.payload == {"index": "pending", "why": "MemoryError"}


async def test_a_cancel_during_the_indexing_is_a_cancel(scene: Scene) -> None:
    job = await collected(scene)
    await scene.cancel(job)
    assert await indexing(scene).index_hits(await input_of(scene, job, Chunk(0, 1))) == (
        ChunkResult()
    )
    assert (await plan_index(scene, job)).next_stage is Stage.CLEAN_UP
    assert await index_of(scene, job) is None


async def test_results_that_are_gone_do_not_fail_the_search(scene: Scene) -> None:
    job = await collected(scene)
    blobs = scene.store.blobs
    for number in range(2):
        url = f"{job.results_prefix}batch_{number:03}-blastn-16s.out.gz"
        await blobs._at(url).delete_blob()
    assert (await plan_index(scene, job)).phase is Phase.COMPLETED
    assert await index_of(scene, job) is None


async def test_while_other_hits_are_indexed_the_stage_waits(scene: Scene) -> None:
    job = await collected(scene)
    activity = indexing(scene)
    async with activity.indexer._slot:
        step = await activity.plan_index(await input_of(scene, job))
        assert (step.next_stage, step.delay) == (Stage.INDEX, BUSY_DELAY)
        made = await activity.index_hits(await input_of(scene, job, Chunk(0, 1)))
        assert (made.code, made.delay) == ("indexing_busy", BUSY_DELAY)
    assert (await activity.plan_index(await input_of(scene, job))).phase is Phase.COMPLETED


class FaultyBlobs(Blobs):
    """Real blobs; one write fails, before it or after it."""

    def __init__(self, blobs: Blobs, number: int, error: Exception, is_after: bool) -> None:
        super().__init__(blobs._service, blobs._account)
        self.left, self.error, self.is_after = number, error, is_after

    async def put(self, url: str, data: bytes) -> None:
        await self._fail(super().put(url, data))

    async def put_file_if_absent(self, url: str, path: Path) -> None:
        await self._fail(super().put_file_if_absent(url, path))

    async def _fail(self, write: Any) -> None:
        self.left -= 1
        if self.left == 0 and not self.is_after:
            write.close()
            raise self.error
        await write
        if self.left == 0:
            raise self.error


WRITES = 4
"""Two Parquet files, the segment, and the list of segments."""


@pytest.mark.acceptance
@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(1, WRITES + 1))
async def test_a_process_that_dies_at_any_write_leaves_no_wrong_index(
    scene: Scene, number: int, is_after: bool
) -> None:
    job = await collected(scene)
    blobs = FaultyBlobs(scene.store.blobs, number, ProcessDied(), is_after)
    with pytest.raises(ProcessDied):
        await indexing(scene, blobs).plan_index(await input_of(scene, job))
    assert not (await scene.now(job)).phase.is_end
    left = await index_of(scene, job)
    assert (left is not None) is (number == WRITES and is_after)
    assert (await plan_index(scene, job)).phase is Phase.COMPLETED
    await assert_complete(scene, job)


@pytest.mark.acceptance
@pytest.mark.parametrize("number", range(1, WRITES + 1))
async def test_while_storage_does_not_answer_the_stage_is_tried_again(
    scene: Scene, number: int
) -> None:
    job = await collected(scene)
    error = Unavailable("storage_unavailable", "Blob did not answer")
    blobs = FaultyBlobs(scene.store.blobs, number, error, False)
    activity = indexing(scene, blobs)
    step = await activity.plan_index(await input_of(scene, job))
    assert (step.next_stage, step.phase) == (Stage.INDEX, Phase.EXPORTING_RESULTS)
    assert step.delay > timedelta(0)
    assert (await activity.plan_index(await input_of(scene, job))).phase is Phase.COMPLETED
    await assert_complete(scene, job)


async def assert_complete(scene: Scene, job: Job) -> None:
    """The index has all hits, and its files are those that it names."""
    index = await index_of(scene, job)
    assert index is not None
    assert index.hits == 2
    listed = await scene.store.blobs.list(job.results_prefix)
    sizes = {blob.name: blob.size for blob in listed}
    for file in index.stored_files:
        assert sizes[f"hits-index/{file.name}"] == file.size
    assert COMPLETE in sizes


async def test_a_full_disk_is_reported_and_tried_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await collected(scene)

    def build_on_full_disk(sources: Sequence[Any], outfmt: str, folder: Path) -> BuiltSegment:
        (folder / "file-0").mkdir()
        (folder / "file-0" / HITS).symlink_to("/dev/full")
        return build_segment(sources, outfmt, folder)

    with monkeypatch.context() as patch:
        patch.setattr("shared.hits.indexer.build_segment", build_on_full_disk)
        step = await indexing(scene).plan_index(await input_of(scene, job))
    assert (step.next_stage, step.custom_status["index"]) == (Stage.INDEX, "disk_full")
    assert (await plan_index(scene, job)).phase is Phase.COMPLETED
