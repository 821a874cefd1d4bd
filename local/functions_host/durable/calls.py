"""Adapts the app's orchestrators and activities to the engine."""

import asyncio
import json
import traceback
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from typing import Any

from azure.durable_functions.models.utils import http_utils
from azure.functions import OrchestrationContext
from azure.functions.durable_functions import ActivityTriggerConverter
from azure.functions.meta import Datum

from local.functions_host.durable.engine import ActivityFailed, Functions
from local.functions_host.durable.store import Activity
from local.functions_host.durable.work_item import OrchestratorFunction
from local.functions_host.functions import Function
from local.functions_host.invoker import Invoker
from local.functions_host.runner import call_contained


def durable_functions(
    functions: Sequence[Function], invoker: Invoker, threads: Executor
) -> Functions:
    """The durable functions among `functions`; `threads` run orchestrators."""
    return Functions(
        {
            _durable_name(function, "orchestration"): _orchestrator(function)
            for function in _of_kind(functions, "orchestration")
        },
        {
            _durable_name(function, "activity"): _activity(function, invoker)
            for function in _of_kind(functions, "activity")
        },
        invoker.watched,
        threads,
    )


async def close_durable_clients() -> None:
    """Close the HTTP session that all SDK clients share, which belongs to this event loop.

    The SDK has no public function for it; otherwise the next event loop finds a closed session.
    """
    await http_utils._close_session()
    http_utils._session_lock = asyncio.Lock()


def _of_kind(functions: Sequence[Function], kind: str) -> list[Function]:
    return [function for function in functions if function.kind.lower() == f"{kind}trigger"]


def _durable_name(function: Function, key: str) -> str:
    """The name by which it is called: the binding's name, else the function's."""
    return str(function.trigger.get(key) or function.name).lower()


def _orchestrator(function: Function) -> OrchestratorFunction:
    def run(context: str) -> str:
        result: str = call_contained(
            function.call, **{function.argument: OrchestrationContext(context)}
        )
        return result

    return run


def _activity(function: Function, invoker: Invoker) -> Callable[[Activity], Awaitable[str]]:
    async def call(activity: Activity) -> str:
        datum = Datum(activity.input if activity.input is not None else "null", "string")
        activity_input: Any = ActivityTriggerConverter.decode(datum, trigger_metadata=None)
        try:
            result = await invoker.call(function, activity.instance, activity_input)
            encoded = ActivityTriggerConverter.encode(result, expected_type=None)
        except Exception as error:  # a crash of user code fails the activity
            raise _failed(activity.name, error) from error
        return str(encoded.value)

    return call


def _failed(name: str, error: Exception) -> ActivityFailed:
    text = f"{type(error).__name__}: {error}"
    details = {
        "$type": "System.Exception",
        "Message": f"Result: Failure\nException: {text}",
        "StackTrace": "".join(traceback.format_tb(error.__traceback__)),
    }
    return ActivityFailed(f"Activity function '{name}' failed:  {text}", json.dumps(details))
