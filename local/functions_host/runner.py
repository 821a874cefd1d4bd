"""Runs functions in this process: sync ones on threads, async ones on the loop."""

import asyncio
import contextvars
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol

from local.functions_host.functions import Function
from local.functions_host.settings import thread_count


class Runner(Protocol):
    """Where functions run: this process, or worker processes."""

    async def invoke(self, function: Function, arguments: dict[str, Any]) -> Any:
        """Return the function's result, once its outputs are set; raises what it raised."""


class InProcess:
    """Runs functions in this process.

    `threads` run all sync functions: HTTP functions, activities and orchestrators share them, and
    calls wait for a free thread, as in the worker on Azure.
    """

    def __init__(self) -> None:
        self.threads = ThreadPoolExecutor(thread_count(os.environ), "function")

    async def invoke(self, function: Function, arguments: dict[str, Any]) -> Any:
        if function.is_async:
            try:
                return await function.call(**arguments)
            except SystemExit as error:
                raise RuntimeError("the function called sys.exit") from error
        call = partial(call_contained, function.call, **arguments)
        run = partial(contextvars.copy_context().run, call)
        return await asyncio.get_running_loop().run_in_executor(self.threads, run)

    def close(self) -> None:
        self.threads.shutdown(wait=False, cancel_futures=True)


def call_contained(call: Callable[..., Any], **arguments: Any) -> Any:
    """Call user code on a thread; raise RuntimeError for exceptions that would stop the loop."""
    try:
        return call(**arguments)
    except (SystemExit, StopIteration) as error:
        raise RuntimeError(f"the function raised {type(error).__name__}") from error
