"""What Azure refuses while it loads an app, refused here in its words.

The order and the sentences are those of the Python worker (`azure-functions-runtime` 1.3.0,
functions.py, and worker 4.34, which differs in two sentences); names are checked as the host does.
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
"""Origins of annotations that the worker does not take for types, though they have arguments."""


class Binding(Protocol):
    """The part of a binding of `azure.functions` that is read here."""

    name: str
    direction: int
    type: str


@dataclass(frozen=True)
class _Parameter:
    """An annotated parameter of a function, and the binding that fills it or is filled by it."""

    binding: Binding
    annotation: Any

    @property
    def is_out(self) -> bool:
        """Whether it is annotated as `azure.functions.Out`."""
        origin = typing.get_origin(self.annotation) or self.annotation
        return isinstance(origin, type) and origin.__name__ == "Out"


class _Refused(Exception):
    """A sentence of the worker's."""


def check_function(name: str, call: Callable[..., Any], bindings: Iterable[Binding]) -> None:
    """Raise CannotStart where the host or the worker would not load the function."""
    bindings = list(bindings)
    if not _FUNCTION_NAME.fullmatch(name):
        raise CannotStart(f"'{name}' is not a valid function name.")
    for one in bindings:
        if not _BINDING_NAME.fullmatch(one.name):
            text = f"The binding name {one.name} is invalid"
            raise CannotStart(f"{text}. Please assign a valid name to the binding. ({name})")
    try:
        _check(call, bindings)
    except (_Refused, NameError, TypeError) as fault:
        raise CannotStart(f"cannot load the {name} function: {fault}") from fault


def _check(call: Callable[..., Any], bindings: list[Binding]) -> None:
    """Raise _Refused, and NameError or TypeError as the worker does for what it cannot read."""
    annotations = typing.get_type_hints(call)
    for one in bindings:
        _check_direction(one)
    bound = {one.name: one for one in bindings if one.name != _RETURN}
    parameters = list(inspect.signature(call).parameters)
    if "context" in parameters and "context" not in bound:
        parameters.remove("context")
        _check_context(annotations)
    if unbound := set(parameters) - set(bound):
        raise _Refused(
            "the following parameters are declared in Python but not in the function definition "
            f"(function.json or function decorators): {unbound!r}"
        )
    if missing := set(bound) - set(parameters):
        raise _Refused(
            "the following parameters are declared as bindings but are not present in Python: "
            f"{missing!r}"
        )
    for name in parameters:
        if name in annotations:
            _check_parameter(_Parameter(bound[name], annotations[name]))
    _check_return([one for one in bindings if one.name == _RETURN], annotations)


def _check_direction(one: Binding) -> None:
    if one.direction not in (_IN, _OUT):
        raise _Refused('"inout" bindings are not supported')
    if one.name == _RETURN and one.direction != _OUT:
        raise _Refused('"$return" binding must have direction set to "out"')


def _check_context(annotations: Mapping[str, Any]) -> None:
    annotation = annotations.get("context", func.Context)
    if not isinstance(annotation, type) or annotation.__name__ != "Context":
        raise _Refused(
            'the "context" parameter is expected to be of type azure.functions.Context, got '
            f"{annotation!r}"
        )


def _check_parameter(one: _Parameter) -> None:
    """Check the annotation of a parameter that has one."""
    binding, python_type = one.binding, one.annotation
    if one.is_out:
        arguments = typing.get_args(one.annotation)
        if len(arguments) != 1:
            raise _Refused(f"binding {binding.name} has invalid Out annotation {one.annotation!r}")
        (python_type,) = arguments
    if not (isinstance(python_type, type) or _is_generic(python_type)):
        raise _Refused(f"binding {binding.name} has invalid non-type annotation {one.annotation!r}")
    if binding.direction == _OUT and not one.is_out:
        raise _Refused(
            f'binding {binding.name} is declared to have the "out" direction, but its annotation '
            "in Python is not a subclass of azure.functions.Out"
        )
    if binding.direction != _OUT and one.is_out:
        raise _Refused(
            f'binding {binding.name} is declared to have the "in" direction in the binding '
            "decorator, but its annotation is azure.functions.Out in Python"
        )
    if not _suits(binding, python_type, one.is_out):
        raise _Refused(
            f'type of {binding.name} binding in the binding decorator "{binding.type}" does not '
            f'match its Python annotation "{getattr(python_type, "__name__", python_type)}"'
        )


def _check_return(bindings: list[Binding], annotations: Mapping[str, Any]) -> None:
    """Check the annotation of what is returned, where a binding takes that."""
    if not bindings or "return" not in annotations:
        return
    annotation = annotations["return"]
    if not isinstance(annotation, type):
        raise _Refused(f"has invalid non-type return annotation {annotation!r}")
    converter = _converter(bindings[0].type)
    if converter and not converter.check_output_type_annotation(annotation):
        raise _Refused(
            f'Python return annotation "{annotation.__name__}" does not match binding type '
            f'"{bindings[0].type}"'
        )


def _suits(binding: Binding, python_type: Any, is_out: bool) -> bool:
    """Whether a binding can fill, or be filled from, an argument of this type."""
    converter = _converter(binding.type)
    implicit = bool(converter and getattr(converter, "has_implicit_output", lambda: False)())
    if converter is None or (python_type in (str, bytes) and not implicit):
        return issubclass(python_type, (str, bytes, bytearray) if is_out else (str, bytes))
    if is_out:
        return bool(converter.check_output_type_annotation(python_type))
    return bool(converter.check_input_type_annotation(python_type))


def _converter(binding_type: str) -> Any:
    """What turns the data of a binding into Python's; None where the library has nothing for it."""
    return func.get_binding_registry().get(binding_type)  # type: ignore[no-untyped-call]


def _is_generic(annotation: Any) -> bool:
    """Whether the worker takes an annotation with arguments for a type: `typing.Dict[str, int]` it
    does, `dict[str, int]` it does not.
    """
    spelled_in_typing = type(annotation).__module__ == "typing"
    return spelled_in_typing and typing.get_origin(annotation) not in (None, *_NOT_GENERIC)
