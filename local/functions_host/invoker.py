"""Calls functions: sync ones on threads, async ones on the loop; logs a line for each call."""

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
    """Runs functions. `on_timeout` is called for one that exceeds functionTimeout.

    `threads` run all sync functions: HTTP functions, activities and orchestrators share them, and
    calls wait for a free thread, as in the worker on Azure.
    """

    def __init__(
        self, options: HostOptions, on_timeout: Callable[[str], None], bindings: Bindings
    ) -> None:
        self._timeout = options.function_timeout.total_seconds()
        self._on_timeout = on_timeout
        self._bindings = bindings
        self.threads = ThreadPoolExecutor(thread_count(os.environ), "function")

    async def call(self, function: Function, description: str, trigger_value: Any) -> Any:
        """Call the function with its trigger's value; returns after its outputs were sent.

        Logs and re-raises the function's exception. `description` is for the log.
        """
        started_at = time.monotonic()
        arguments = {function.argument: trigger_value, **self._bindings.inputs(function)}
        outputs = self._bindings.outputs(function)
        try:
            with self.watched(function.name):
                result = await self._run(function, {**arguments, **outputs})
                await self._bindings.send(function, outputs, result)
        except Exception:
            _log_call(
                logging.ERROR, function, "failed", started_at, description, with_traceback=True
            )
            raise
        _log_call(
            logging.INFO, function, getattr(result, "status_code", "ok"), started_at, description
        )
        return result

    @contextlib.contextmanager
    def watched(self, name: str) -> Iterator[None]:
        """Call `on_timeout` if the block is not left within functionTimeout."""
        timer = asyncio.get_running_loop().call_later(self._timeout, self._on_timeout, name)
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
        call = partial(call_contained, function.call, **arguments)
        run = partial(contextvars.copy_context().run, call)
        return await asyncio.get_running_loop().run_in_executor(self.threads, run)


def call_contained(call: Callable[..., Any], **arguments: Any) -> Any:
    """Call user code on a thread; raise RuntimeError for exceptions that would stop the loop."""
    try:
        return call(**arguments)
    except (SystemExit, StopIteration) as error:
        raise RuntimeError(f"the function raised {type(error).__name__}") from error


def _log_call(
    level: int,
    function: Function,
    status: object,
    started_at: float,
    description: str,
    with_traceback: bool = False,
) -> None:
    kind = function.kind.removesuffix("Trigger")
    duration_ms = (time.monotonic() - started_at) * 1000
    line = f"{kind:<12} {function.name:<20} {status!s:<6} {duration_ms:6.0f} ms  {description}"
    log.log(level, line.rstrip(), exc_info=with_traceback)
