"""Tables of which one write is applied, its response is lost, and the SDK sends it again."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pytest

from shared.clients.tables import Insert, Replace, Table, Write

Answer = TypeVar("Answer")
STRIDES = pytest.mark.parametrize(
    "stride", [5, pytest.param(1, marks=pytest.mark.faults)], ids=["some", "all"]
)
"""Of which writes a test loses the responses: each or every fifth, as each takes a whole search."""


@dataclass
class LostResponse:
    """Says which of the conditional writes of a test loses its response."""

    number: int | None = None
    """None: none of them."""
    writes: int = 0
    """So many there have been."""

    async def sent(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """The response, or the one to the second time."""
        self.writes += 1
        answer = await call()
        return await call() if self.writes - 1 == self.number else answer


class LosingTable(Table):
    """A real table."""

    def __init__(self, real: Table, lost: LostResponse) -> None:
        self.__dict__ |= real.__dict__
        self._lost = lost

    async def commit(self, writes: Sequence[Write]) -> list[str]:
        real = super().commit
        return await self._lost.sent(lambda: real(writes))

    async def write(self, write: Insert | Replace) -> str:
        real = super().write
        return await self._lost.sent(lambda: real(write))
