"""Threads whose log lines belong to the invocation that started them.

Azure's Python worker looks up the invocation of a log line in the thread that writes it, and the
host drops a line without one. In threads that an app starts, the worker of Python 3.13 looks into
a ContextVar of its own, that of 3.11 and 3.12 into the context's `thread_local_storage`. So every
thread of the app is started here.
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
    """The part of azure.functions.Context that is used."""

    @property
    def invocation_id(self) -> str: ...

    @property
    def thread_local_storage(self) -> Any: ...


_current: ContextVar[InvocationContext | None] = ContextVar("invocation", default=None)


def with_invocation(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with one more parameter, `context`, which the worker fills.

    Every thread that the function starts then logs under its invocation.
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
    """A pool whose threads run in the context, and log under the invocation, of the caller."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        call = partial(fn, *args, **kwargs)
        return super().submit(copy_context().run, _run_for_invocation, call)


HANDLER_THREADS = Threads(32, "handler")
"""For the blocking parts of async functions. The event loop's own pool has cpu + 4 threads, and
aiohttp resolves names in it: calls that hang must not fill it."""


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
    found: ContextVar[Any] | None = getattr(
        sys.modules.get("azure_functions_runtime"), "invocation_id_cv", None
    )
    return found


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
