"""Calling functions: sync ones on threads, async ones on the loop, and a line for each call."""

import asyncio
import contextlib
import contextvars
import logging
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from local.functions_host.bindings import Bindings
from local.functions_host.functions import Function
from local.functions_host.settings import HostOptions, thread_count

log = logging.getLogger("host")


class Invoker:
    """Runs functions. `overdue` is told of one that outlived the timeout.

    `threads` run all sync functions: HTTP functions, activities and orchestrators share them, and
    what finds none free waits, as in the worker on Azure.
    """

    def __init__(
        self, options: HostOptions, overdue: Callable[[str], None], bindings: Bindings
    ) -> None:
        self._timeout = options.function_timeout.total_seconds()
        self._overdue = overdue
        self._bindings = bindings
        self.threads = ThreadPoolExecutor(thread_count(os.environ), "function")

    async def call(self, function: Function, about: str, given: Any) -> Any:
        """The function's result, given what triggers it; its outputs have been sent by then.

        What it raises is logged and passed on. `about` is for the log.
        """
        began = time.monotonic()
        arguments = {function.argument: given, **self._bindings.inputs(function)}
        outputs = self._bindings.outputs(function)
        try:
            with self.watched(function.name):
                result = await self._run(function, {**arguments, **outputs})
                await self._bindings.send(function, outputs, result)
        except Exception:
            _line(logging.ERROR, function, "failed", began, about, with_traceback=True)
            raise
        _line(logging.INFO, function, getattr(result, "status_code", "ok"), began, about)
        return result

    @contextlib.contextmanager
    def watched(self, name: str) -> Iterator[None]:
        """Tell `overdue` if this is not left within the timeout."""
        timer = asyncio.get_running_loop().call_later(self._timeout, self._overdue, name)
        try:
            yield
        finally:
            timer.cancel()

    def close(self) -> None:
        self.threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, function: Function, arguments: dict[str, Any]) -> Any:
        if function.is_async:
            try:
                return await function.call(**arguments)
            except SystemExit as error:
                raise RuntimeError("the function called sys.exit") from error
        call = partial(contained, function.call, **arguments)
        run = partial(contextvars.copy_context().run, call)
        return await asyncio.get_running_loop().run_in_executor(self.threads, run)


def contained(call: Callable[..., Any], **arguments: Any) -> Any:
    """Call user code on a thread; what an event loop must not see leaves it as a RuntimeError."""
    try:
        return call(**arguments)
    except (SystemExit, StopIteration) as error:
        raise RuntimeError(f"{type(error).__name__} left the function") from error


def _line(
    level: int,
    function: Function,
    status: object,
    began: float,
    about: str,
    with_traceback: bool = False,
) -> None:
    kind = function.kind.removesuffix("Trigger")
    took = (time.monotonic() - began) * 1000
    line = f"{kind:<12} {function.name:<20} {status!s:<6} {took:6.0f} ms  {about}"
    log.log(level, line.rstrip(), exc_info=with_traceback)
