"""Holds calls until a test lets them go on."""

import asyncio


class Gate:
    """Holds all that pass it until `go`, and counts them."""

    def __init__(self, awaited: int) -> None:
        """`is_full` is set when so many wait at a time."""
        self.go, self.is_full = asyncio.Event(), asyncio.Event()
        self.waiting = self.most = 0
        self._awaited = awaited

    async def wait(self) -> None:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        if self.waiting == self._awaited:
            self.is_full.set()
        await self.go.wait()
        self.waiting -= 1
