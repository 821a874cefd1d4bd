"""Calls functions with their inputs, sends their outputs, and logs a line for each call."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

from local.functions_host.bindings import Bindings
from local.functions_host.functions import Function
from local.functions_host.runner import Runner
from local.functions_host.settings import HostOptions

log = logging.getLogger("host")


class Invoker:
    """Calls functions. `on_timeout` is called for one that exceeds functionTimeout."""

    def __init__(
        self,
        options: HostOptions,
        on_timeout: Callable[[str], None],
        bindings: Bindings,
        runner: Runner,
    ) -> None:
        self._timeout = options.function_timeout.total_seconds()
        self._on_timeout = on_timeout
        self._bindings = bindings
        self._runner = runner

    async def call(self, function: Function, description: str, trigger_value: Any) -> Any:
        """Call the function with its trigger's value; returns after its outputs were sent.

        Logs and re-raises the function's exception. `description` is for the log.
        """
        started_at = time.monotonic()
        arguments = {function.argument: trigger_value, **self._bindings.inputs(function)}
        outputs = self._bindings.outputs(function)
        try:
            with self.watched(function.name):
                result = await self._runner.invoke(function, {**arguments, **outputs})
                await self._bindings.send(function, outputs, result)
        except Exception:  # a crash of user code, which is raised again
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
