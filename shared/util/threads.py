"""Threads whose log lines belong to the invocation that started them.

Azure's Python worker looks up the invocation of a log line in the thread that writes it, and the
host drops a line without one. In an app's own threads, the worker for Python 3.13 reads its own
ContextVar; the worker for 3.11 and 3.12 reads the context's `thread_local_storage`. This module
sets both, so the app starts all its threads here.
"""

import asyncio
import inspect
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import (
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from contextvars import ContextVar, copy_context
from functools import partial, wraps
from typing import Any, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class InvocationContext(Protocol):
    """The part of azure.functions.Context that this module uses."""

    @property
    def invocation_id(self) -> str: ...

    @property
    def thread_local_storage(self) -> Any: ...

    @property
    def trace_context(self) -> Any: ...


_current: ContextVar[InvocationContext | None] = ContextVar("invocation", default=None)


def with_invocation(function: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    """Add a `context` parameter, which the worker fills, to a function.

    Threads that the function starts then log under its invocation.
    """

    @wraps(function)
    async def run(context: InvocationContext, **bindings: Any) -> Any:
        with _invocation(context):
            return await function(**bindings)

    wrapped: Any = run
    signature = inspect.signature(function)
    parameters = [
        *signature.parameters.values(),
        inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY),
    ]
    wrapped.__signature__ = signature.replace(parameters=parameters)
    registered: Callable[..., Any] = wrapped
    return registered


def current_invocation() -> InvocationContext | None:
    """The invocation that this code runs for; None outside of one."""
    return _current.get()


def run_beside(function: Callable[[], None], name: str) -> None:
    """Run a function once, in a thread of its own that does not hold up the end of the process."""
    threading.Thread(target=function, name=name, daemon=True).start()


_POOL = ThreadPoolExecutor(8, "work")
"""Not the event loop's default pool: aiohttp resolves host names in that one, and its few threads
must not wait for long work."""


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function that blocks or needs the processor for long, beside the event loop.

    It uses the caller's contextvars, and logs under its invocation.
    """
    call = partial(function, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(
        _POOL, partial(copy_context().run, _run_for_invocation, call)
    )


@asynccontextmanager
async def entered_in_thread(manager: AbstractContextManager[T]) -> AsyncIterator[T]:
    """Enter and leave a context beside the event loop, as it waits for the disk."""

    async def leave(*error: Any) -> bool | None:
        return await in_thread(manager.__exit__, *error)

    async with AsyncExitStack() as stack:
        value = await in_thread(manager.__enter__)
        stack.push_async_exit(leave)
        yield value


def read_in_thread(
    chunks: AsyncGenerator[T, None], loop: asyncio.AbstractEventLoop | None = None
) -> Iterator[T]:
    """The items for a function that `in_thread` runs; the event loop reads each of them.

    The loop is the calling one, unless it is given.
    """
    loop = loop or asyncio.get_running_loop()

    async def read_next() -> T | None:
        return await anext(chunks, None)

    def items() -> Iterator[T]:
        try:
            while (
                item := asyncio.run_coroutine_threadsafe(read_next(), loop).result()
            ) is not None:
                yield item
        finally:  # also if the function does not read all of them
            asyncio.run_coroutine_threadsafe(chunks.aclose(), loop)

    return items()


@contextmanager
def _invocation(context: InvocationContext) -> Iterator[None]:
    token = _current.set(context)
    worker_variable = _worker_variable()
    worker_token = worker_variable.set(context.invocation_id) if worker_variable else None
    try:
        yield
    finally:
        _current.reset(token)
        if worker_variable and worker_token:
            worker_variable.reset(worker_token)


def _worker_variable() -> ContextVar[Any] | None:
    """The ContextVar of Azure's worker for Python 3.13 and later; None in any other process."""
    variable: ContextVar[Any] | None = getattr(
        sys.modules.get("azure_functions_runtime"), "invocation_id_cv", None
    )
    return variable


def _run_for_invocation(call: Callable[[], T]) -> T:
    context = _current.get()
    if context is None:
        return call()
    storage = context.thread_local_storage
    storage.invocation_id = context.invocation_id
    try:
        return call()
    finally:
        storage.invocation_id = None
