"""Messages that end the process which works on them: they are not tried for days."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.errors import Unavailable
from shared.messaging.dead_letters import DeadLetters, Unfinished
from triggers.submission.turns import take_turn

FIRST_COUNTED = 2
"""The delivery from which on it is written down that one begins. Most messages have a single one,
and cost nothing."""
MAX_UNFINISHED = 7
"""So many deliveries in a row may end with their process before the message is given up."""
MIN_LEASE = timedelta(minutes=5)
"""A message appears again ten minutes after its process ended. One that appears earlier comes after
an end that its process knew, and may have been unable to write down."""
Act = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class UnfinishedDeliveries:
    """Counts the deliveries of a message that began and did not end, as their process did.

    A process that ends takes all its messages with it. To find out which of them does it, those
    with such a count are worked on one at a time: only that one can be to blame for the next end.
    """

    dead_letters: DeadLetters
    now: Callable[[], datetime]
    max_wait: timedelta = timedelta(seconds=60)
    """How long one waits for its turn. With its own time this is less than functionTimeout."""
    _turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))

    async def run(self, message_id: str, delivery: int, act: Act, give_up: Act) -> None:
        """Work on a message by `act`, or give it up; give up without a word if that ends, too.

        Raises what these raise, which is an end like any other, and Unavailable.
        """
        if delivery < FIRST_COUNTED:
            await act()
            return
        unfinished = self._count(await self.dead_letters.unfinished(message_id))
        if not unfinished:
            await self._run_counted(message_id, 0, act, give_up)
            return
        async with take_turn(self._turn, self.max_wait, "messages"):
            await self._run_counted(message_id, unfinished, act, give_up)

    async def _run_counted(self, message_id: str, unfinished: int, act: Act, give_up: Act) -> None:
        began = Unfinished(unfinished + 1, self.now())
        await self.dead_letters.set_unfinished(message_id, began)
        is_last = unfinished >= MAX_UNFINISHED
        try:
            if not is_last:
                await act()
            elif unfinished == MAX_UNFINISHED:
                await give_up()
        except Exception:  # of any kind: the process has survived it; it is raised again
            ended = Unfinished(unfinished if is_last else 0)
            with suppress(Unavailable):  # the next delivery comes early, and proves the end
                await self.dead_letters.set_unfinished(message_id, ended)
            raise
        await self.dead_letters.set_unfinished(message_id, Unfinished(0))

    def _count(self, known: Unfinished) -> int:
        """The deliveries that ended with their process."""
        if known.began_at is None or self.now() - known.began_at >= MIN_LEASE:
            return known.deliveries
        return MAX_UNFINISHED if known.deliveries > MAX_UNFINISHED else 0
