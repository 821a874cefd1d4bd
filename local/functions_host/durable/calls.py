"""The app's orchestrators and activities, as the engine calls them."""

import asyncio
import json
import traceback
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from azure.durable_functions.models.utils import http_utils
from azure.functions import OrchestrationContext
from azure.functions.durable_functions import ActivityTriggerConverter
from azure.functions.meta import Datum

from local.functions_host.durable.engine import ActivityFailed, Functions
from local.functions_host.durable.store import Activity
from local.functions_host.durable.turn import Ask
from local.functions_host.functions import Function
from local.functions_host.invoking import Invoker, contained


def durable_functions(functions: Sequence[Function], invoker: Invoker) -> Functions:
    """The durable functions among these."""
    return Functions(
        {
            _called(one, "orchestration"): _orchestrator(one)
            for one in _of(functions, "orchestration")
        },
        {_called(one, "activity"): _activity(one, invoker) for one in _of(functions, "activity")},
        invoker.watched,
        invoker.threads,
    )


async def forget_clients() -> None:
    """Close the HTTP session that all clients of the SDK share, which belongs to this event loop.

    The SDK offers nothing for it; without it, the next event loop finds a session that is dead.
    """
    await http_utils._close_session()
    http_utils._session_lock = asyncio.Lock()


def _of(functions: Sequence[Function], kind: str) -> list[Function]:
    return [one for one in functions if one.kind.lower() == f"{kind}trigger"]


def _called(function: Function, key: str) -> str:
    """The name by which it is called: the binding's own, else the function's."""
    return str(function.trigger.get(key) or function.name).lower()


def _orchestrator(function: Function) -> Ask:
    def ask(context: str) -> str:
        answer: str = contained(function.call, **{function.argument: OrchestrationContext(context)})
        return answer

    return ask


def _activity(function: Function, invoker: Invoker) -> Callable[[Activity], Awaitable[str]]:
    async def call(activity: Activity) -> str:
        datum = Datum(activity.input if activity.input is not None else "null", "string")
        given: Any = ActivityTriggerConverter.decode(datum, trigger_metadata=None)
        try:
            result = await invoker.call(function, activity.instance, given)
            encoded = ActivityTriggerConverter.encode(result, expected_type=None)
        except Exception as error:
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
