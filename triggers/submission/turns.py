"""Turns: few at a time, and the others wait in their order, for a limited time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from shared.errors import Unavailable


@asynccontextmanager
async def take_turn(
    places: asyncio.Semaphore, max_wait: timedelta, earlier: str
) -> AsyncIterator[None]:
    """Hold one of the places.

    Raises Unavailable if none is free within `max_wait`: storage hardly answers the `earlier` ones,
    which are named in the message.
    """
    seconds = max_wait.total_seconds()
    try:
        async with asyncio.timeout(seconds):
            await places.acquire()
    except TimeoutError as error:
        text = f"storage did not finish earlier {earlier} within {seconds:g} s"
        raise Unavailable("storage_unavailable", text) from error
    try:
        yield
    finally:
        places.release()
