"""Failure 36: a message that ends each process which works on it is abandoned within hours."""

from typing import Any

import pytest

from shared.contracts.states import Phase
from shared.errors import Unavailable
from tests.triggers.queue.queue_fixture import QueueFixture, incoming_message, unavailable
from tests.triggers.queue.test_last_delivery import KEYLESS
from tests.triggers.queue.test_poison_messages import buried
from triggers.queue.requests import LAST_DELIVERY
from triggers.queue.unfinished import FIRST_COUNTED, MAX_UNFINISHED

LAST = FIRST_COUNTED + MAX_UNFINISHED
"""The delivery in which a message that ends processes is abandoned."""
TEN_MINUTES, HALF_A_MINUTE = 600, 30
"""Seconds until a message appears again after its process ended, and after an error."""


class ProcessEnded(BaseException):
    """The process is gone: nothing that it would have done follows."""


def ends(*_: Any, **__: Any) -> Any:
    raise ProcessEnded


async def deliver_until(world: QueueFixture, last: int, first: int = 1, **changes: Any) -> None:
    """Deliver a message that ends each process."""
    for delivery in range(first, last + 1):
        with pytest.raises(ProcessEnded):
            await world.deliver(delivery=delivery, **changes)
        world.clock.move(TEN_MINUTES)


async def deliver_while_unavailable(world: QueueFixture, first: int, last: int) -> None:
    """Deliver a message while storage does not answer."""
    for delivery in range(first, last + 1):
        with pytest.raises(Unavailable):
            await world.deliver(delivery=delivery)
        world.clock.move(HALF_A_MINUTE)


@pytest.mark.parametrize("keyed", [{}, KEYLESS], ids=["key", "keyless"])
async def test_failure_36_a_message_that_ends_processes_is_abandoned(
    world: QueueFixture,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    keyed: dict[str, Any],
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(world.jobs, "create", ends)
        await deliver_until(world, LAST - 1, **keyed)
        assert world.sent_messages() == []
        await world.deliver(delivery=LAST, **keyed)
    (message,) = world.sent_messages()
    assert (message["status"], message["error_code"]) == ("failed", "not_accepted")
    assert (await buried(world, "m-1"))["kept"] == incoming_message(**keyed).body
    assert [line.split()[0] for line in caplog.messages] == ["message_abandoned"]
    assert LAST < LAST_DELIVERY / 100
    await world.deliver(delivery=LAST + 1, **keyed)  # sent again by hand, under its id
    assert (await world.job()).phase is Phase.QUEUED


async def test_failure_36_a_message_that_ends_processes_once_its_job_exists_gets_its_outcome(
    world: QueueFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(world.durable, "start_new", ends)
        patch.setattr(world.durable, "get_status", ends)
        await deliver_until(world, LAST - 1)
        await world.deliver(delivery=LAST)
    ended = await world.job()
    assert (ended.phase, ended.error_code) == (Phase.SUBMIT_FAILED, "never_started")
    assert (await buried(world, "m-1"))["job_id"] == ended.job_id


async def test_failure_36_one_that_cannot_even_be_abandoned_is_kept_and_dropped(
    world: QueueFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.jobs, "find", ends)
    await deliver_until(world, LAST)
    await world.deliver(delivery=LAST + 1)
    assert world.sent_messages() == []
    row = await buried(world, "m-1")
    assert (row["error_code"], row["kept"]) == ("process_ended", incoming_message().body)


async def test_failure_36_only_processes_that_end_in_a_row_count(
    world: QueueFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message is held as before while storage does not answer, also beside an upgrade."""
    for first in range(FIRST_COUNTED, 60, MAX_UNFINISHED):
        with monkeypatch.context() as patch:
            patch.setattr(world.jobs, "create", ends)
            await deliver_until(world, first + MAX_UNFINISHED - 2, first)
            patch.setattr(world.jobs, "create", unavailable)
            with pytest.raises(Unavailable):
                await world.deliver(delivery=first + MAX_UNFINISHED - 1)
    await world.deliver(delivery=60)
    assert world.statuses() == ["queued"]


async def test_failure_36_an_error_whose_end_cannot_be_written_down_is_no_end_of_a_process(
    world: QueueFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Storage answers only now and then: a message is held as long as it does not answer."""
    with monkeypatch.context() as patch:
        patch.setattr(world.jobs, "create", unavailable)
        patch.setattr(world.dead, "delete", unavailable)
        await deliver_while_unavailable(world, FIRST_COUNTED, 59)
    await world.deliver(delivery=60)
    assert world.statuses() == ["queued"]


async def test_failure_36_a_message_that_is_abandoned_waits_for_storage(
    world: QueueFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(world.jobs, "create", ends)
        await deliver_until(world, LAST - 1)
    with monkeypatch.context() as patch:
        patch.setattr(world.jobs, "find", unavailable)
        await deliver_while_unavailable(world, LAST, LAST + 4)
    await world.deliver(delivery=LAST + 5)
    assert world.sent_messages()[-1]["error_code"] == "not_accepted"


async def test_failure_36_a_poison_message_that_ends_processes_is_dropped(
    world: QueueFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.jobs, "find", ends)
    for delivery in range(1, LAST + 1):
        with pytest.raises(ProcessEnded):
            await world.deliver_poison(delivery=delivery)
        world.clock.move(TEN_MINUTES)
    await world.deliver_poison(delivery=LAST + 1)
    assert (await buried(world))["error_code"] == "process_ended"
