"""Failure 36: messages that are delivered beside one that ends processes are not given up."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, cast

import pytest

from shared.errors import Unavailable
from shared.messaging.dead_letters import DeadLetters, Unfinished
from tests.shared.jobs.conftest import Clock
from triggers.queue.unfinished import FIRST_COUNTED, MAX_UNFINISHED, UnfinishedDeliveries

DEADLY = "deadly"
ROUNDS = FIRST_COUNTED + 2 * MAX_UNFINISHED
PASSES = 20
"""Passes of the event loop that a good message takes. A delivery needs fewer, as the counts are in
memory, until it is at work or waits: so the deadly one ends the process before the others end."""


class Letters(dict[str, Unfinished]):
    """The counts, in memory: so each run takes the same steps."""

    async def unfinished(self, message_id: str) -> Unfinished:
        return self.get(message_id, Unfinished(0))

    async def set_unfinished(self, message_id: str, unfinished: Unfinished) -> None:
        self[message_id] = unfinished


class Messages:
    """Messages that are all delivered to each new process, until they are finished.

    The deadly one ends the process; the others take longer than it does.
    """

    def __init__(self, names: list[str]) -> None:
        self.waiting = dict.fromkeys(names, 0)
        self.letters = Letters()
        self.clock = Clock()
        self.accepted: list[str] = []
        self.given_up: list[str] = []

    async def run_process(self, *late: str) -> None:
        """Deliver the messages that are not finished to a process, until it ends or is idle.

        Those that are `late` have not been delivered before.
        """
        self.waiting |= dict.fromkeys(late, 0)
        letters, ended = cast(DeadLetters, self.letters), asyncio.Event()
        deliveries = UnfinishedDeliveries(letters, self.clock)
        tasks = [
            asyncio.create_task(self._deliver(deliveries, name, ended)) for name in self.waiting
        ]
        idle = asyncio.gather(*tasks)
        idle.add_done_callback(lambda _: ended.set())
        await ended.wait()
        for task in tasks:
            task.cancel()  # the process is gone: nothing that it would have done follows
        await asyncio.gather(*tasks, idle, return_exceptions=True)
        self.clock.move(600)  # as long as a message is leased

    async def _deliver(
        self, deliveries: UnfinishedDeliveries, name: str, ended: asyncio.Event
    ) -> None:
        async def act() -> None:
            if name.startswith(DEADLY):
                ended.set()
                await asyncio.Event().wait()
            for _ in range(PASSES):
                await asyncio.sleep(0)
            self.accepted.append(name)

        async def give_up() -> None:
            self.given_up.append(name)

        self.waiting[name] += 1
        await deliveries.run(name, self.waiting[name], act, give_up)
        del self.waiting[name]


@pytest.mark.parametrize(
    "names",
    [["a", DEADLY, "b"], [DEADLY, "a", "b"], ["a", DEADLY, "b", "deadly-2", "c"]],
    ids=["between", "first", "two"],
)
async def test_failure_36_neighbours_of_a_message_that_ends_processes_are_accepted(
    names: list[str],
) -> None:
    messages = Messages(names)
    for _ in range(ROUNDS):
        await messages.run_process()
    deadly = [name for name in names if name.startswith(DEADLY)]
    assert sorted(messages.given_up) == deadly
    assert sorted(messages.accepted) == sorted({*names} - {*deadly})


async def test_failure_36_a_later_message_that_ends_processes_does_no_harm_to_waiting_ones() -> (
    None
):
    messages = Messages([DEADLY, "a", "b"])
    for number in range(ROUNDS):
        await messages.run_process(*(["deadly-2"] if number == FIRST_COUNTED else []))
    assert sorted(messages.given_up) == [DEADLY, "deadly-2"]
    assert sorted(messages.accepted) == ["a", "b"]


async def test_failure_36_one_that_waits_for_another_too_long_is_delivered_again_uncounted() -> (
    None
):
    letters = Letters(a=Unfinished(1), b=Unfinished(1))
    deliveries = UnfinishedDeliveries(cast(DeadLetters, letters), Clock(), max_wait=timedelta(0))

    async def beside(*_: Any) -> None:
        with pytest.raises(Unavailable):
            await deliveries.run("b", FIRST_COUNTED, never, never)

    def never() -> Awaitable[None]:
        raise AssertionError("it is not its turn")

    await deliveries.run("a", FIRST_COUNTED, beside, never)
    assert letters == {"a": Unfinished(0), "b": Unfinished(1)}
