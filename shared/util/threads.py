"""Threads whose log lines belong to the invocation that started them.

Azure's Python worker looks up the invocation of a log line in the thread that writes it, and the
host drops a line without one. In an app's own threads, the worker for Python 3.13 reads its own
ContextVar; the worker for 3.11 and 3.12 reads the context's `thread_local_storage`. This module
sets both, so the app starts all its threads here.
"""

import asyncio
import inspect
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
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


_current: ContextVar[InvocationContext | None] = ContextVar("invocation", default=None)


def with_invocation(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add a `context` parameter, which the worker fills, to a function.

    Threads that the function starts then log under its invocation.
    """

    @wraps(function)
    async def run_async(context: InvocationContext, **bindings: Any) -> Any:
        with _invocation(context):
            return await function(**bindings)

    @wraps(function)
    def run(context: InvocationContext, **bindings: Any) -> Any:
        with _invocation(context):
            return function(**bindings)

    wrapped: Any = run_async if inspect.iscoroutinefunction(function) else run
    signature = inspect.signature(function)
    parameters = [
        *signature.parameters.values(),
        inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY),
    ]
    wrapped.__signature__ = signature.replace(parameters=parameters)
    registered: Callable[..., Any] = wrapped
    return registered


class Threads(ThreadPoolExecutor):
    """A pool whose threads use the caller's contextvars and log under its invocation."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        call = partial(fn, *args, **kwargs)
        return super().submit(copy_context().run, _run_for_invocation, call)


HANDLER_THREADS = Threads(32, "handler")
"""Runs the blocking parts of async functions. The event loop's default pool has only cpu + 4
threads, and aiohttp resolves host names in it, so calls that hang must not fill it."""


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking function in HANDLER_THREADS."""
    return await asyncio.wrap_future(HANDLER_THREADS.submit(function, *args, **kwargs))


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
