"""Loads the functions of an app, as the worker does."""

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
from local.functions_host.settings import CannotStart, resolve_settings

SUPPORTED_BINDINGS = frozenset(
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
"""The supported types of bindings, in lower case."""


@dataclass(frozen=True)
class Function:
    """A function; its trigger and other bindings are as in function.json."""

    name: str
    trigger: dict[str, Any]
    bindings: Sequence[dict[str, Any]]
    call: Callable[..., Any]

    @property
    def kind(self) -> str:
        """The trigger's type, such as `httpTrigger`."""
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
        """Its queue output bindings."""
        return [binding for binding in self.bindings if binding["type"] == "queue"]

    @property
    def takes_context(self) -> bool:
        """Whether it has a parameter `context` that no binding fills."""
        bound = {binding["name"] for binding in self.bindings}
        return "context" in inspect.signature(self.call).parameters and "context" not in bound


def load(folder: Path) -> list[Function]:
    """Import the app in `folder` and return its functions. Raises CannotStart."""
    path = folder / "function_app.py"
    spec = spec_from_file_location("function_app", path)
    if not path.exists() or spec is None or spec.loader is None:
        raise CannotStart(f"{path} does not exist")
    sys.path.insert(0, str(folder))
    module = module_from_spec(spec)
    sys.modules["function_app"] = module
    spec.loader.exec_module(module)
    return functions_of(_app_of(module))


def functions_of(app: Any) -> list[Function]:
    """The functions of an app object; call it once per object. Raises CannotStart."""
    try:
        builders = app.get_functions()
    except ValueError as fault:
        raise CannotStart(str(fault)) from fault
    return [_function(builder) for builder in builders]


def _app_of(module: ModuleType) -> func.FunctionRegister:
    """The module's only app object, under any name. Raises CannotStart."""
    apps = [value for value in vars(module).values() if isinstance(value, func.FunctionRegister)]
    if not apps:
        raise CannotStart("Could not find top level function app instances in function_app.py.")
    if len(apps) > 1:  # the worker counts names: one object with two names is refused, too
        kind = type(apps[0]).__name__
        text = f"More than one {kind} or other top level function app instances are defined."
        raise CannotStart(text)
    return apps[0]


def _function(builder: Any) -> Function:
    name = builder.get_function_name()
    check_function(name, builder.get_user_function(), builder.get_bindings())
    raw_bindings = json.loads(
        json.dumps(builder.get_bindings_dict()["bindings"], default=_json_value)
    )
    bindings = resolve_settings(raw_bindings, f"the function {name}")
    trigger = next(
        (binding for binding in bindings if binding["type"].lower().endswith("trigger")), None
    )
    if trigger is None:
        raise CannotStart(f"the function {name} has no trigger")
    function = Function(name, trigger, bindings, builder.get_user_function())
    _check_supported(function)
    return function


def _check_supported(function: Function) -> None:
    """Raise CannotStart for a binding type that this host does not support."""
    for binding in function.bindings:
        if binding["type"].lower() not in SUPPORTED_BINDINGS:
            text = f"{function.described} has a binding of the type {binding['type']}"
            raise CannotStart(f"{text}, which this host does not support")


def _json_value(value: object) -> object:
    return value.value if isinstance(value, Enum) else str(value)
