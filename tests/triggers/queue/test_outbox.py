"""Completion messages: at least once, in order, and as in the contract."""

import hashlib
import json
import uuid
from datetime import timedelta
from typing import Any

import pytest

from shared.blast.result_files import MANIFEST
from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.errors import Fault, Invalid, Unavailable
from shared.messaging.messages import Sender, error_text
from tests.support.samples import NOON, job, search
from tests.triggers.queue.queue_fixture import QueueFixture, unavailable

RESULTS = "https://devstoreaccount1.blob.core.windows.net/results"


async def ended(world: QueueFixture, phase: Phase = Phase.COMPLETED, **changes: Any) -> Job:
    """A job with notify that went through all phases to this end; nothing is sent yet."""
    number = uuid.uuid4().int  # all tests share one results container
    stored = job(number, notify=True, request_id="r-1", search=search(results_url=RESULTS))
    await world.jobs.create(stored, {})
    before = Phase.EXPORTING_RESULTS if phase is Phase.COMPLETED else Phase.CANCELLING
    for step in (Phase.SUBMITTING, Phase.SUBMITTED, before):
        await world.jobs.update(stored.job_id, step.value, phase=step)
    world.clock.move(60)
    return await world.jobs.update(stored.job_id, phase.value, changes, phase=phase, **changes)


async def manifest(world: QueueFixture, stored: Job, files: int) -> None:
    names = [f"batch_{n:03d}-blastn-16S.out.gz" for n in range(files)]
    same = {"last_modified": NOON.isoformat(), "format": "outfmt 7, gzip", "source": "x"}
    listed = [
        {"file_id": f"{n:016x}", "name": name, "size": n, **same} for n, name in enumerate(names)
    ]
    data = json.dumps({"files": listed}).encode()
    await world.requests.submissions.blobs.put(stored.results_prefix + MANIFEST, data)


async def test_a_message_matches_the_contract(world: QueueFixture) -> None:
    stored = await ended(world)
    await manifest(world, stored, files=1)
    await world.requests.outbox.publish_pending(stored)
    messages = world.sent_messages()
    assert [message["status"] for message in messages] == ["queued", "running", "succeeded"]
    claim = f"{stored.job_id}:succeeded:1"
    assert messages[-1] == {
        "event": "blast.transition",
        "event_id": hashlib.sha256(claim.encode()).hexdigest()[:32],
        "external_correlation_id": "caller-1",
        "job_id": stored.job_id,
        "status": "succeeded",
        "attempt": 1,
        "ts": "2026-11-23T12:01:00Z",
        "request_id": "r-1",
        "error_code": None,
        "error_message": None,
        "result_ref": {"api": f"/api/blast/jobs/{stored.job_id}/results"},
        "result_files": [
            {
                "file_id": "0" * 16,
                "name": "batch_000-blastn-16S.out.gz",
                "size": 0,
                "format": "outfmt 7, gzip",
            }
        ],
    }


async def test_a_message_names_at_most_25_files(world: QueueFixture) -> None:
    one = await ended(world)
    await manifest(world, one, files=1000)
    await world.requests.outbox.publish_pending(one)
    assert len(world.sent_messages()[-1]["result_files"]) == 25


async def test_removed_results_do_not_delay_a_message(world: QueueFixture) -> None:
    await world.requests.outbox.publish_pending(await ended(world))
    assert world.statuses() == ["queued", "running", "succeeded"]
    assert world.sent_messages()[-1]["result_files"] == []


async def test_an_error_has_at_most_500_characters(world: QueueFixture) -> None:
    one = await ended(world, Phase.SEARCH_FAILED, error_code="search_failed", error="é" * 4000)
    await world.requests.outbox.publish_pending(one)
    last = world.sent_messages()[-1]
    assert (last["status"], last["error_code"]) == ("failed", "search_failed")
    assert last["error_message"] == "é" * 500


@pytest.mark.parametrize("number", [4, 25, 1000])
def test_of_many_faults_25_are_named_within_the_500_characters(number: int) -> None:
    error = Invalid([Fault(f"field_{n:02d}", "is wrong " * 20) for n in range(number)])
    text = error_text(error)
    assert 400 < len(text) <= 500
    assert all(f"field_{n:02d}" in text for n in range(min(number, 25)))


async def test_failure_36_two_concurrent_publishers_keep_the_order(world: QueueFixture) -> None:
    one, courier = await ended(world), world.requests.outbox
    # The second publisher overtakes the first one before its first send.
    world.queue.before = lambda: courier.publish_pending(one)
    await courier.publish_pending(one)
    assert world.statuses() == ["queued", "running", "succeeded"]
    assert len(world.sent_messages()) == 6


async def test_failure_36_a_publisher_that_crashes_after_sending_repeats_the_event(
    world: QueueFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await ended(world)
    with monkeypatch.context() as dying:
        dying.setattr(world.jobs, "mark_sent", unavailable)
        with pytest.raises(Unavailable):
            await world.requests.outbox.publish_pending(one)
    await world.requests.outbox.publish_pending(one)
    ids = [message["event_id"] for message in world.sent_messages()]
    assert len(ids) == 4 and ids[0] == ids[1]
    assert world.statuses() == ["queued", "running", "succeeded"]


async def test_failure_36_an_unsent_message_stays_pending(world: QueueFixture) -> None:
    stored = await ended(world)
    world.queue.before = unavailable
    with pytest.raises(Unavailable):
        await world.requests.outbox.publish_pending(stored)
    assert len(await world.jobs.pending_messages(stored.job_id)) == 3
    world.clock.move(timedelta(days=1).total_seconds())
    assert len([item async for item in world.jobs.index.find_overdue(world.clock())]) == 1
    await world.requests.outbox.publish_pending(stored)
    assert world.statuses() == ["queued", "running", "succeeded"]
    assert [item async for item in world.jobs.index.find_overdue(world.clock())] == []


async def test_a_job_without_notify_sends_nothing(world: QueueFixture) -> None:
    await world.requests.outbox.publish_pending(await world.jobs.create(job(), {}))
    assert world.sent_messages() == []


async def test_the_second_attempt_of_a_job_is_sent_as_new_events(world: QueueFixture) -> None:
    stored = await ended(world, Phase.SEARCH_FAILED)
    await world.requests.outbox.publish_pending(stored)
    again = await world.jobs.start_attempt(stored.job_id, 2, timedelta(hours=1))
    await world.requests.outbox.republish(again, Sender())
    assert world.statuses() == ["queued", "running", "failed", "queued"]
    assert world.sent_messages()[-1]["attempt"] == 2
