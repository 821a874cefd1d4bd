"""Messages that end the process which works on them: they are not tried for days."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.messaging.dead_letters import DeadLetters

FIRST_COUNTED = 5
"""The delivery from which on it is written down that one begins. Most messages have a single one,
and cost nothing."""
MAX_UNFINISHED = 4
"""So many deliveries in a row may end with their process before the message is given up."""
Act = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class UnfinishedDeliveries:
    """Counts the deliveries of a message that began and did not end, as their process did."""

    dead_letters: DeadLetters

    async def run(self, message_id: str, delivery: int, act: Act, give_up: Act) -> None:
        """Work on a message by `act`, or give it up; give up without a word if that ends, too.

        Raises what these raise, which is an end like any other, and Unavailable.
        """
        if delivery < FIRST_COUNTED:
            await act()
            return
        unfinished = await self.dead_letters.unfinished(message_id)
        await self.dead_letters.set_unfinished(message_id, unfinished + 1)
        is_last = unfinished >= MAX_UNFINISHED
        try:
            if not is_last:
                await act()
            elif unfinished == MAX_UNFINISHED:
                await give_up()
        except Exception:  # of any kind: the process goes on
            await self.dead_letters.set_unfinished(message_id, unfinished if is_last else 0)
            raise
        await self.dead_letters.set_unfinished(message_id, 0)
