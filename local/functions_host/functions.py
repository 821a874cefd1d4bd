"""The functions of an app, found as the worker finds them."""

import inspect
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import azure.functions as func

from local.functions_host.checks import check_function
from local.functions_host.settings import CannotStart, resolved

OFFERED = frozenset(
    {
        "httptrigger",
        "http",
        "queuetrigger",
        "queue",
        "timertrigger",
        "activitytrigger",
        "orchestrationtrigger",
        "durableclient",
    }
)
"""The types of bindings that this host knows, in lower case."""


@dataclass(frozen=True)
class Function:
    """One function: its trigger and its other bindings are as in function.json."""

    name: str
    trigger: dict[str, Any]
    bindings: Sequence[dict[str, Any]]
    call: Callable[..., Any]

    @property
    def kind(self) -> str:
        """Such as `httpTrigger`."""
        return str(self.trigger["type"])

    @property
    def argument(self) -> str:
        """The name of the parameter that the trigger fills."""
        return str(self.trigger["name"])

    @property
    def described(self) -> str:
        return f"the function {self.name}"

    @property
    def is_async(self) -> bool:
        return inspect.iscoroutinefunction(self.call)

    @property
    def outputs(self) -> Sequence[dict[str, Any]]:
        """The queues it writes to."""
        return [one for one in self.bindings if one["type"] == "queue"]

    @property
    def takes_context(self) -> bool:
        """Whether it has a parameter `context` that no binding fills."""
        bound = {one["name"] for one in self.bindings}
        return "context" in inspect.signature(self.call).parameters and "context" not in bound


def load(folder: Path) -> list[Function]:
    """The functions of the app in `folder`, whose modules become importable. Raises CannotStart."""
    path = folder / "function_app.py"
    spec = spec_from_file_location("function_app", path)
    if not path.exists() or spec is None or spec.loader is None:
        raise CannotStart(f"there is no {path}")
    sys.path.insert(0, str(folder))
    module = module_from_spec(spec)
    sys.modules["function_app"] = module
    spec.loader.exec_module(module)
    return functions_of(_app_of(module))


def functions_of(app: Any) -> list[Function]:
    """The functions of an app object, which can be asked for them once. Raises CannotStart."""
    try:
        found = app.get_functions()
    except ValueError as fault:
        raise CannotStart(str(fault)) from fault
    return [_function(one) for one in found]


def _app_of(module: ModuleType) -> func.FunctionRegister:
    """The one app object of a module, whatever its name. Raises CannotStart."""
    apps = [one for one in vars(module).values() if isinstance(one, func.FunctionRegister)]
    if not apps:
        raise CannotStart("Could not find top level function app instances in function_app.py.")
    if len(apps) > 1:  # the worker counts names: one object of two names is refused, too
        kind = type(apps[0]).__name__
        text = f"More than one {kind} or other top level function app instances are defined."
        raise CannotStart(text)
    return apps[0]


def _function(found: Any) -> Function:
    name = found.get_function_name()
    check_function(name, found.get_user_function(), found.get_bindings())
    plain = json.loads(json.dumps(found.get_bindings_dict()["bindings"], default=_word))
    bindings = resolved(plain, f"the function {name}")
    trigger = next((one for one in bindings if one["type"].lower().endswith("trigger")), None)
    if trigger is None:
        raise CannotStart(f"the function {name} has no trigger")
    function = Function(name, trigger, bindings, found.get_user_function())
    _check_offered(function)
    return function


def _check_offered(function: Function) -> None:
    """Refuse what this host does not offer. Raises CannotStart."""
    for binding in function.bindings:
        if binding["type"].lower() not in OFFERED:
            text = f"{function.described} has a binding of the type {binding['type']}"
            raise CannotStart(f"{text}, which this host does not offer")


def _word(value: object) -> object:
    return value.value if isinstance(value, Enum) else str(value)
