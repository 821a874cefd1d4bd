"""Refuses at load time the functions that Azure refuses, with its messages.

The order and the messages are those of the Python worker (`azure-functions-runtime` 1.3.0,
functions.py, and worker 4.34, which differs in two messages); names are checked as in the host.
"""

import inspect
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import azure.functions as func

from local.functions_host.settings import CannotStart

_BINDING_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9]{0,127}|\$return")
_FUNCTION_NAME = re.compile(r"(?!host$)[a-z][a-z0-9_-]{0,127}", re.IGNORECASE)
"""Source: Utility.cs of the Functions host."""
_IN, _OUT = 0, 1
_RETURN = "$return"
_NOT_GENERIC = (typing.Union, tuple, typing.ClassVar, Callable)
"""Origins of annotations with arguments that the worker does not accept as types."""


class Binding(Protocol):
    """The attributes of an `azure.functions` binding that are used here."""

    name: str
    direction: int
    type: str


@dataclass(frozen=True)
class _Parameter:
    """An annotated parameter of a function, and its binding."""

    binding: Binding
    annotation: Any

    @property
    def is_out(self) -> bool:
        """Whether it is annotated as `azure.functions.Out`."""
        origin = typing.get_origin(self.annotation) or self.annotation
        return isinstance(origin, type) and origin.__name__ == "Out"


class _LoadError(Exception):
    """The worker's message."""


def check_function(name: str, call: Callable[..., Any], bindings: Iterable[Binding]) -> None:
    """Raise CannotStart if the host or the worker would not load the function."""
    bindings = list(bindings)
    if not _FUNCTION_NAME.fullmatch(name):
        raise CannotStart(f"'{name}' is not a valid function name.")
    for binding in bindings:
        if not _BINDING_NAME.fullmatch(binding.name):
            text = f"The binding name {binding.name} is invalid"
            raise CannotStart(f"{text}. Please assign a valid name to the binding. ({name})")
    try:
        _check(call, bindings)
    except (_LoadError, NameError, TypeError) as fault:
        raise CannotStart(f"cannot load the {name} function: {fault}") from fault


def _check(call: Callable[..., Any], bindings: list[Binding]) -> None:
    """Raise _LoadError, or, as the worker does, NameError or TypeError for annotations."""
    annotations = typing.get_type_hints(call)
    for binding in bindings:
        _check_direction(binding)
    bound = {binding.name: binding for binding in bindings if binding.name != _RETURN}
    parameters = list(inspect.signature(call).parameters)
    if "context" in parameters and "context" not in bound:
        parameters.remove("context")
        _check_context(annotations)
    if unbound := set(parameters) - set(bound):
        raise _LoadError(
            "the following parameters are declared in Python but not in the function definition "
            f"(function.json or function decorators): {unbound!r}"
        )
    if missing := set(bound) - set(parameters):
        raise _LoadError(
            "the following parameters are declared as bindings but are not present in Python: "
            f"{missing!r}"
        )
    for name in parameters:
        if name in annotations:
            _check_parameter(_Parameter(bound[name], annotations[name]))
    _check_return([binding for binding in bindings if binding.name == _RETURN], annotations)


def _check_direction(binding: Binding) -> None:
    if binding.direction not in (_IN, _OUT):
        raise _LoadError('"inout" bindings are not supported')
    if binding.name == _RETURN and binding.direction != _OUT:
        raise _LoadError('"$return" binding must have direction set to "out"')


def _check_context(annotations: Mapping[str, Any]) -> None:
    annotation = annotations.get("context", func.Context)
    if not isinstance(annotation, type) or annotation.__name__ != "Context":
        raise _LoadError(
            'the "context" parameter is expected to be of type azure.functions.Context, got '
            f"{annotation!r}"
        )


def _check_parameter(parameter: _Parameter) -> None:
    """Check an annotated parameter."""
    binding, python_type = parameter.binding, parameter.annotation
    if parameter.is_out:
        arguments = typing.get_args(parameter.annotation)
        if len(arguments) != 1:
            raise _LoadError(
                f"binding {binding.name} has invalid Out annotation {parameter.annotation!r}"
            )
        (python_type,) = arguments
    if not (isinstance(python_type, type) or _is_generic(python_type)):
        raise _LoadError(
            f"binding {binding.name} has invalid non-type annotation {parameter.annotation!r}"
        )
    if binding.direction == _OUT and not parameter.is_out:
        raise _LoadError(
            f'binding {binding.name} is declared to have the "out" direction, but its annotation '
            "in Python is not a subclass of azure.functions.Out"
        )
    if binding.direction != _OUT and parameter.is_out:
        raise _LoadError(
            f'binding {binding.name} is declared to have the "in" direction in the binding '
            "decorator, but its annotation is azure.functions.Out in Python"
        )
    if not _is_compatible(binding, python_type, parameter.is_out):
        raise _LoadError(
            f'type of {binding.name} binding in the binding decorator "{binding.type}" does not '
            f'match its Python annotation "{getattr(python_type, "__name__", python_type)}"'
        )


def _check_return(bindings: list[Binding], annotations: Mapping[str, Any]) -> None:
    """Check the return annotation, if a binding uses the returned value."""
    if not bindings or "return" not in annotations:
        return
    annotation = annotations["return"]
    if not isinstance(annotation, type):
        raise _LoadError(f"has invalid non-type return annotation {annotation!r}")
    converter = _converter(bindings[0].type)
    if converter and not converter.check_output_type_annotation(annotation):
        raise _LoadError(
            f'Python return annotation "{annotation.__name__}" does not match binding type '
            f'"{bindings[0].type}"'
        )


def _is_compatible(binding: Binding, python_type: Any, is_out: bool) -> bool:
    """Whether the binding can fill, or take, a parameter of this type."""
    converter = _converter(binding.type)
    implicit = bool(converter and getattr(converter, "has_implicit_output", lambda: False)())
    if converter is None or (python_type in (str, bytes) and not implicit):
        return issubclass(python_type, (str, bytes, bytearray) if is_out else (str, bytes))
    if is_out:
        return bool(converter.check_output_type_annotation(python_type))
    return bool(converter.check_input_type_annotation(python_type))


def _converter(binding_type: str) -> Any:
    """The binding's converter in `azure.functions`, or None."""
    return func.get_binding_registry().get(binding_type)  # type: ignore[no-untyped-call]


def _is_generic(annotation: Any) -> bool:
    """Whether the worker accepts an annotation with arguments as a type: it accepts
    `typing.Dict[str, int]`, but not `dict[str, int]`.
    """
    spelled_in_typing = type(annotation).__module__ == "typing"
    return spelled_in_typing and typing.get_origin(annotation) not in (None, *_NOT_GENERIC)
