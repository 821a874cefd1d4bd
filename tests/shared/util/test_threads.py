"""Failure 45: a thread logs under the invocation that started it, on each of Azure's workers."""

import ast
import asyncio
import inspect
import sys
import threading
from collections.abc import AsyncGenerator
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from shared.util.threads import in_thread, read_in_thread, with_invocation

ROOT = Path(__file__).parents[3]
APP = [
    ROOT / "function_app.py",
    *(
        path
        for name in ("triggers", "activities", "shared")
        for path in (ROOT / name).rglob("*.py")
    ),
]
STARTS = {
    "to_thread",
    "run_in_executor",
    "ThreadPoolExecutor",
    "Thread",
    "Timer",
    "start_new_thread",
}
"""Names that start a thread without its invocation."""
ALLOWED_MODULES = {"shared/util/threads.py", "shared/hits/convert.py", "shared/hits/questions.py"}
"""The threads of hits log nothing: one copies bytes into a pipe, one interrupts a long query."""


@dataclass(frozen=True)
class Context:
    """The context that the worker for 3.11 and 3.12 passes to a function."""

    invocation_id: str
    thread_local_storage: Any


@dataclass(frozen=True)
class Worker:
    """How the worker for 3.11 and 3.12 finds the invocation in a thread of the app."""

    storage: Any = field(default_factory=threading.local)

    def context(self, invocation_id: str) -> Context:
        return Context(invocation_id, self.storage)

    def current_invocation(self) -> str | None:
        text: str | None = getattr(self.storage, "invocation_id", None)
        return text


async def test_failure_45_threads_of_an_async_function_log_under_its_invocation() -> None:
    worker = Worker()

    async def handler(text: str) -> list[str | None]:
        return [await in_thread(worker.current_invocation) for _ in range(2)]

    called = [with_invocation(handler)(worker.context(name), text="") for name in ("one", "two")]
    assert await asyncio.gather(*called) == [["one", "one"], ["two", "two"]]
    assert await in_thread(worker.current_invocation) is None


async def test_failure_45_a_thread_resets_its_invocation_after_an_exception() -> None:
    worker = Worker()

    async def handler() -> None:
        await in_thread(int, "no number")

    with pytest.raises(ValueError, match="no number"):
        await with_invocation(handler)(worker.context("one"))
    assert await in_thread(worker.current_invocation) is None


async def test_a_thread_reads_what_the_event_loop_reads() -> None:
    loop_thread = threading.current_thread()

    async def numbers() -> AsyncGenerator[int, None]:
        for number in range(3):
            assert threading.current_thread() is loop_thread
            yield number

    assert await in_thread(sum, read_in_thread(numbers())) == 3
    assert await in_thread(next, read_in_thread(numbers())) == 0


async def test_a_thread_gets_the_error_of_a_read() -> None:
    async def numbers() -> AsyncGenerator[int, None]:
        yield 1
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        await in_thread(sum, read_in_thread(numbers()))


async def test_failure_45_the_variable_of_the_worker_for_3_13_is_set_and_copied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runtime: Any = ModuleType("azure_functions_runtime")
    runtime.invocation_id_cv = ContextVar[str | None]("invocation_id", default=None)
    monkeypatch.setitem(sys.modules, runtime.__name__, runtime)

    async def handler() -> str | None:
        return await in_thread(runtime.invocation_id_cv.get)

    assert await with_invocation(handler)(Worker().context("one")) == "one"
    assert runtime.invocation_id_cv.get() is None


def test_failure_45_the_worker_sees_the_parameters_of_the_function_and_a_context() -> None:
    async def handler(req: int, client: str) -> bytes: ...  # type: ignore[empty-body]

    wrapped = with_invocation(handler)
    assert list(inspect.signature(wrapped).parameters) == ["req", "client", "context"]
    assert wrapped.__annotations__ == handler.__annotations__
    assert inspect.iscoroutinefunction(wrapped)


@pytest.mark.parametrize("path", APP, ids=lambda path: str(path.relative_to(ROOT)))
def test_failure_45_only_the_threads_module_starts_threads(path: Path) -> None:
    tree = ast.parse(path.read_text())
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert bool(names & STARTS) is (str(path.relative_to(ROOT)) in ALLOWED_MODULES)
