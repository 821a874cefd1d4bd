"""Calling functions: sync ones on threads, async ones on the loop, and a line for each call."""

import asyncio
import contextvars
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

from local.functions_host.functions import Function

log = logging.getLogger("host")
THREADS = 32
"""Functions that block at once; more wait for one of them to end."""


class Invoker:
    """Runs functions. `overdue` is told of one that outlived the timeout."""

    def __init__(self, timeout: timedelta, overdue: Callable[[str], None]) -> None:
        self._timeout = timeout
        self._overdue = overdue
        self._threads = ThreadPoolExecutor(THREADS, "function")

    async def call(self, function: Function, about: str = "", **bindings: Any) -> Any:
        """The function's result; what it raises is logged and passed on. `about` is for the log."""
        began = time.monotonic()
        timer = asyncio.get_running_loop().call_later(
            self._timeout.total_seconds(), self._overdue, function.name
        )
        try:
            result = await self._run(function, bindings)
        except Exception:
            self._line(logging.ERROR, function, "failed", began, about, with_traceback=True)
            raise
        finally:
            timer.cancel()
        status = getattr(result, "status_code", "ok")
        level = logging.DEBUG if function.kind == "orchestrationTrigger" else logging.INFO
        self._line(level, function, status, began, about)
        return result

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, function: Function, bindings: dict[str, Any]) -> Any:
        if function.is_async:
            return await function.call(**bindings)
        run = partial(contextvars.copy_context().run, function.call, **bindings)
        return await asyncio.get_running_loop().run_in_executor(self._threads, run)

    def _line(
        self,
        level: int,
        function: Function,
        status: object,
        began: float,
        about: str,
        with_traceback: bool = False,
    ) -> None:
        kind = function.kind.removesuffix("Trigger")
        took = (time.monotonic() - began) * 1000
        line = f"{kind:<8} {function.name:<20} {status!s:<6} {took:6.0f} ms  {about}"
        log.log(level, line.rstrip(), exc_info=with_traceback)
