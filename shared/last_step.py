"""Work that follows other work, however that ends."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from shared.errors import ControlPlaneError

log = logging.getLogger("blast")


@asynccontextmanager
async def followed_by(step: Callable[[], Awaitable[None]], name: str) -> AsyncIterator[None]:
    """Call `step` after the block, also where the block raises or is cancelled.

    The caller gets the first error: an error of the step, after one of the block, is logged under
    its `name`, with a traceback if it is none that is expected.
    """
    try:
        yield
    except BaseException:  # a cancellation, too; it is raised again
        try:
            await step()
        except ControlPlaneError as error:
            log.warning("last_step_failed step=%s code=%s: %s", name, error.code, error)
        except Exception:  # of any kind: it must not take the place of the first error
            log.exception("last_step_failed step=%s", name)
        raise
    await step()
