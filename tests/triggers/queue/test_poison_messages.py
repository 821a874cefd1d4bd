"""Messages that the queue gave up: kept, recorded, answered, and no running job is harmed."""

import base64
from datetime import timedelta
from typing import Any

import pytest

from activities.context import ActivityContext
from shared.contracts.activities import ActivityInput, Decision, Stage
from shared.contracts.job import Job
from shared.contracts.outcome import Outcome
from shared.contracts.states import Phase
from shared.contracts.storage_urls import DEAD_LETTERS
from shared.errors import Unavailable
from shared.jobs import StepRecord
from tests.triggers.queue.queue_fixture import SEQUENCE, QueueFixture, letter, unavailable


def buried(world: QueueFixture, message_id: str = "p-1") -> dict[str, Any]:
    """What is written down of a message, which is kept where that says."""
    row = world.dead.get("requests", message_id)
    assert row is not None
    kept = world.requests.acceptance.blobs.get(row.columns["blob"])
    assert kept is not None
    return {**row.columns, "kept": kept}


async def accepted(world: QueueFixture) -> Job:
    """A job whose start failed, and whose message has been given up."""
    world.durable.refuses = {"start_new", "get_status"}
    with pytest.raises(Unavailable):
        await world.take()
    return world.job()


async def test_failure_36_a_job_that_was_never_started_is_failed(world: QueueFixture) -> None:
    job = await accepted(world)
    world.bury()
    ended = world.job()
    assert (ended.phase, ended.error_code) == (Phase.SUBMIT_FAILED, "never_started")
    assert world.statuses() == ["queued", "failed"]
    assert world.told()[-1]["error_code"] == "never_started"
    assert buried(world)["job_id"] == job.job_id
    assert buried(world)["kept"] == letter().body
    assert list(world.jobs.index.find_overdue(world.clock() + timedelta(days=9))) == []


async def test_failure_36_a_burial_said_twice_is_done_once(world: QueueFixture) -> None:
    await accepted(world)
    world.bury()
    once = world.job()
    world.bury()
    assert world.job() == once
    assert world.statuses() == ["queued", "failed"]


async def test_an_orchestration_that_begins_after_all_finds_the_job_ended(
    world: QueueFixture,
) -> None:
    one = await accepted(world)
    world.bury()

    def never(job: Job, input_: ActivityInput) -> Outcome:
        raise AssertionError("nothing is to be done for it")

    settings = world.requests.acceptance.settings
    context = ActivityContext(world.jobs, settings, world.clock, lambda job: None)
    report = context.run_step(Stage.PREPARE, ActivityInput(one.job_id, 1), never)
    assert (report.phase, report.next_stage) == (Phase.SUBMIT_FAILED, None)


@pytest.mark.parametrize("changes", [{}, {"phase": Phase.SUBMITTING}])
async def test_failure_36_a_search_that_was_begun_is_not_harmed(
    world: QueueFixture, changes: dict[str, Any]
) -> None:
    job = await accepted(world)
    report = Decision(Stage.SUBMIT)
    before = world.jobs.update(
        job.job_id, "begun", step=StepRecord(1, Stage.PREPARE, report), **changes
    )
    world.bury()
    assert world.job() == before
    assert world.statuses() == (["queued", "running"] if changes else ["queued"])
    assert buried(world)["job_id"] == job.job_id


async def test_a_batch_is_left_to_upkeep(world: QueueFixture) -> None:
    job = await accepted(world)
    changes: dict[str, Any] = {"child_count": 3}
    parent = world.jobs.update(job.job_id, "batch", **changes)
    world.bury()
    assert world.job() == parent


async def test_a_retried_job_is_not_failed_by_the_message_of_its_first_attempt(
    world: QueueFixture,
) -> None:
    job = await accepted(world)
    world.bury()
    again = world.jobs.start_attempt(job.job_id, 2, timedelta(hours=1))
    world.bury()
    assert world.job() == again


async def test_failure_36_who_sent_what_was_never_accepted_is_told_so(world: QueueFixture) -> None:
    world.bury()
    (told,) = world.told()
    assert (told["status"], told["error_code"], told["job_id"]) == ("failed", "not_accepted", None)
    assert (told["external_correlation_id"], told["request_id"]) == ("caller-1", "r-1")
    assert buried(world)["error_code"] == "not_accepted"


async def test_failure_2_another_request_under_the_key_does_not_harm_the_job(
    world: QueueFixture,
) -> None:
    await world.take(idempotency_key="k")
    before = world.job()
    world.bury(idempotency_key="k", db="other")
    assert world.job() == before
    assert world.told()[-1]["error_code"] == "idempotency_conflict"


@pytest.mark.parametrize("body", [b"{no", b"\xff\xfe", base64.b64encode(b"\x00\xff"), b""])
async def test_failure_36_rubbish_is_kept_as_it_came(world: QueueFixture, body: bytes) -> None:
    world.bury(body)
    assert buried(world)["kept"] == body
    assert world.told()[0]["error_code"] == "malformed_json"


async def test_failure_36_a_bug_does_not_hold_a_message_for_ever(
    world: QueueFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(world.jobs, "find", broken)
    world.bury()
    (told,) = world.told()
    assert (told["status"], told["error_code"]) == ("failed", "internal")
    assert buried(world)["error_code"] == "internal"


async def test_failure_36_a_message_whose_end_cannot_be_told_stays(
    world: QueueFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    await accepted(world)
    for name in ("find", "update"):
        with monkeypatch.context() as away:
            away.setattr(world.jobs, name, unavailable)
            with pytest.raises(Unavailable):
                world.bury()
    world.queue.before = unavailable
    with pytest.raises(Unavailable):
        world.bury()
    world.bury()
    assert world.statuses() == ["queued", "failed"]


async def test_failure_22_no_sequence_in_the_row_of_a_message(world: QueueFixture) -> None:
    world.bury(db="../x")
    row = world.dead.get("requests", "p-1")
    assert row is not None and SEQUENCE not in str(row.columns)


async def test_no_request_can_name_a_message_that_is_kept(world: QueueFixture) -> None:
    world.bury()
    url = buried(world)["blob"]
    assert f"/{DEAD_LETTERS}/" in url
    await world.take(query_fasta=None, query_blob_url=url)
    assert "must lie in the container 'queries'" in world.told()[-1]["error_message"]
