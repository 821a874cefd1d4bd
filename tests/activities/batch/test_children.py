"""A batch of searches: all of them are made and counted, however often it dies."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.clients.blobs import Blobs
from shared.contracts.activities import Chunk, ChunkResult, Stage, StepResult
from shared.contracts.job import Counts, child_id
from shared.contracts.states import Phase
from shared.errors import Unavailable
from tests.activities.batch.batch_fixture import FASTA, BatchFixture, Make, meanwhile, power_loss
from tests.shared.jobs.conftest import Clock
from tests.support.samples import NOON, job


async def test_every_search_becomes_a_job_of_its_own(
    make: Make, blobs: Blobs, clock: Clock
) -> None:
    batch = await make(3, submission_source="queue", correlation_id="caller-9", notify=True)
    clock.move(3600)
    decision = await batch.say(Stage.START_CHILDREN)
    assert (decision.phase, decision.next_stage) == (Phase.RUNNING, Stage.WATCH_CHILDREN)
    children = await batch.children()
    assert [child.child_number for child in children] == [1, 2, 3]
    assert [child.search.title for child in children] == ["search 1", "search 2", "search 3"]
    assert set(batch.durable.started) == {child.job_id for child in children}
    first, parent = children[0], (await batch.parent())
    assert (first.parent_job_id, first.owner) == (parent.job_id, parent.owner)
    assert (first.submission_source, first.correlation_id) == ("queue", "caller-9")
    assert not first.notify
    assert first.deadline_at == NOON + timedelta(hours=1 + 48), "its time begins when it is made"
    assert await blobs.get(first.search.query_url) == FASTA.encode()
    assert parent.started_at == clock()
    assert (await batch.batch.context.jobs.index.page(parent.owner, 9)).jobs == (
        await parent_in_list(batch),
    )


async def parent_in_list(batch: BatchFixture) -> Any:
    return replace((await batch.parent()), stage=None, decision=None, retry_counts={})


async def test_searches_are_created_in_chunks_that_may_run_side_by_side(make: Make) -> None:
    batch = await make(12, chunk=11)
    result = await batch.step(Stage.START_CHILDREN)
    assert (result.phase, result.next_stage) == (Phase.SUBMITTING, Stage.START_CHILDREN)
    assert result.custom_status == {"made": 0, "expected": 12}
    assert result.fan_out == (Chunk(1, 11), Chunk(12, 12))
    assert await batch.children() == []
    made = await asyncio.gather(*map(batch.create, result.fan_out))
    assert made == [ChunkResult()] * 2
    assert (await batch.step(Stage.START_CHILDREN)).next_stage is Stage.WATCH_CHILDREN
    assert [child.child_number for child in await batch.children()] == list(range(1, 13))
    assert (await batch.parent()).counts == Counts(expected=12, active=12)
    assert set(batch.durable.started.values()) == {1}


async def test_chunks_that_are_missing_are_created_again_after_a_restart(make: Make) -> None:
    """Also where a later one is there: the row keeps which chunks it named."""
    batch = await make(6, chunk=2)
    chunks = (await batch.step(Stage.START_CHILDREN)).fan_out
    await batch.create(chunks[1])
    again = await batch.step(Stage.START_CHILDREN)
    assert (again.next_stage, again.fan_out) == (Stage.START_CHILDREN, chunks)
    before = await batch.events()
    for chunk in chunks:
        await batch.create(chunk)
    assert (await batch.step(Stage.START_CHILDREN)).next_stage is Stage.WATCH_CHILDREN
    assert [child.child_number for child in await batch.children()] == [1, 2, 3, 4, 5, 6]
    assert await batch.events() == [*before, "running"]


async def test_failure_41_only_so_many_searches_of_a_batch_are_under_way(
    make: Make, clock: Clock
) -> None:
    batch = await make(6, chunk=2, at_once=4)
    reports = [await batch.say(Stage.START_CHILDREN) for _ in range(3)]
    assert len(await batch.children()) == 4
    assert reports[-1].next_stage is Stage.START_CHILDREN
    assert reports[-1].delay > timedelta(0)
    for number in (1, 3):
        await batch.end(number, Phase.COMPLETED)
    assert (await batch.say(Stage.START_CHILDREN)).next_stage is Stage.WATCH_CHILDREN
    assert len(await batch.children()) == 6


@pytest.mark.parametrize("at", [1, 4])
async def test_failure_14_a_crash_in_mid_chunk_makes_no_search_twice_and_none_never(
    make: Make, at: int
) -> None:
    batch = await make(4)
    batch.durable.refuse = child_id(batch.parent_id, at)
    decision = await batch.say(Stage.START_CHILDREN)
    assert (decision.next_stage, (await batch.parent()).counts.active) == (Stage.START_CHILDREN, 0)
    made = await batch.children()
    assert (await batch.say(Stage.START_CHILDREN)).next_stage is Stage.WATCH_CHILDREN
    assert await batch.children() == made, "those that were there are what they were"
    assert set(batch.durable.started) == {child.job_id for child in made}


async def test_a_chunk_that_died_halfway_through_its_rows_is_finished(make: Make) -> None:
    batch = await make(3)
    with meanwhile(batch, 2, power_loss), pytest.raises(KeyError):
        await batch.say(Stage.START_CHILDREN)
    assert batch.durable.started.total() == 0
    assert (await batch.say(Stage.START_CHILDREN)).next_stage is Stage.WATCH_CHILDREN
    assert [child.child_number for child in await batch.children()] == [1, 2, 3]


async def test_a_batch_is_completed_once_all_its_searches_are(make: Make) -> None:
    batch = await make(2)
    await batch.say(Stage.START_CHILDREN)
    await batch.end(1, Phase.COMPLETED)
    assert (await batch.say(Stage.WATCH_CHILDREN)).next_stage is Stage.WATCH_CHILDREN
    assert (await batch.parent()).counts == Counts(expected=2, succeeded=1, active=1)
    await batch.end(2, Phase.COMPLETED)
    assert (await batch.say(Stage.WATCH_CHILDREN)).next_stage is Stage.WATCH_CHILDREN
    assert await batch.say(Stage.WATCH_CHILDREN) == StepResult(Phase.COMPLETED, None)
    assert (await batch.parent()).counts == Counts(expected=2, succeeded=2)
    assert await batch.events() == [
        *("accepted", "progress", "running", "progress", "exporting_results", "completed")
    ]


async def test_failure_14_a_search_that_fails_leaves_the_others_alone(make: Make) -> None:
    batch = await make(3)
    await batch.say(Stage.START_CHILDREN)
    await batch.end(2, Phase.DATABASE_UNAVAILABLE)
    assert (await batch.say(Stage.WATCH_CHILDREN)).next_stage is Stage.WATCH_CHILDREN
    assert batch.durable.woken.total() == 0
    await batch.end(1, Phase.COMPLETED)
    await batch.end(3, Phase.COMPLETED)
    assert (await batch.say(Stage.WATCH_CHILDREN)).next_stage is None
    parent = await batch.parent()
    assert (parent.phase, parent.error_code) == (Phase.SEARCH_FAILED, "children_failed")
    assert parent.error == "1 of 3 searches failed"
    assert parent.counts == Counts(expected=3, succeeded=2, failed=1)


async def test_a_search_that_a_person_cancelled_is_not_called_completed(make: Make) -> None:
    batch = await make(3)
    await batch.say(Stage.START_CHILDREN)
    for number, end in enumerate((Phase.COMPLETED, Phase.CANCELLED, Phase.TIMED_OUT), start=1):
        await batch.end(number, end)
    assert (await batch.say(Stage.WATCH_CHILDREN)).next_stage is None
    assert (await batch.parent()).error == "1 of 3 searches failed, 1 was cancelled"


async def test_a_look_without_news_writes_nothing(make: Make, clock: Clock) -> None:
    batch = await make(2)
    await batch.say(Stage.START_CHILDREN)
    before = await batch.events()
    clock.move(3600)
    assert (await batch.say(Stage.WATCH_CHILDREN)).delay == timedelta(seconds=60), (
        "the pace of an old search"
    )
    assert await batch.events() == before


async def test_a_store_that_is_away_lets_a_batch_wait(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = await make(1)

    def away(parent_id: str) -> Any:
        raise Unavailable("storage_unavailable", "away")

    await batch.say(Stage.START_CHILDREN)
    monkeypatch.setattr(batch.batch.context.jobs.index, "count_by_status", away)
    assert (await batch.say(Stage.WATCH_CHILDREN)).next_stage is Stage.WATCH_CHILDREN


def test_no_two_searches_of_a_batch_share_what_kubernetes_names_carry() -> None:
    parent = job(16**8 - 5).job_id
    ids = [child_id(parent, number) for number in range(1, 10_001)]
    assert len({job_id[-8:] for job_id in ids}) == 10_000
    assert {len(job_id) for job_id in ids} == {len("job-") + 32}
    assert parent[-8:] not in {job_id[-8:] for job_id in ids}
