"""Stand-ins for the protocol messages between the Functions host and its Python worker.

The worker gets its protocol classes passed in, and accepts any object with these attributes.
"""

from types import SimpleNamespace
from typing import Any

_DIRECTIONS = {"in": 0, "out": 1, "inout": 2}


class Message(SimpleNamespace):
    """A message: its fields are attributes."""


class OneOf(Message):
    """A message of which exactly one field is set."""

    def WhichOneof(self, group: str) -> str | None:
        return next(iter(vars(self)), None)


class StatusResult(Message):
    Failure, Success = 0, 1


class BindingInfo(Message):
    undefined = 0
    Direction = SimpleNamespace(**_DIRECTIONS)


for _name, _number in _DIRECTIONS.items():
    setattr(BindingInfo, _name, _number)


class Protos:
    """In place of the worker's module of protocol classes."""

    StatusResult, BindingInfo, TypedData = StatusResult, BindingInfo, OneOf

    def __getattr__(self, name: str) -> type[Message]:
        return Message


def typed_data(kind: str, value: Any) -> OneOf:
    """A TypedData, such as `typed_data("string", "text")`; of `http` the value has its fields."""
    if kind == "http":
        body = typed_data("bytes", value.pop("body", b""))
        return OneOf(http=Message(body=body, **value))
    return OneOf(**{kind: value})


def invocation(
    invocation_id: str, function_id: str, inputs: dict[str, OneOf], metadata: dict[str, OneOf]
) -> Message:
    """The host's request to run a function."""
    data = [Binding(name, value) for name, value in inputs.items()]
    return Message(
        invocation_id=invocation_id,
        function_id=function_id,
        input_data=data,
        trigger_metadata=metadata,
        trace_context=Message(trace_parent="", trace_state="", attributes={}),
        retry_context=Message(retry_count=0, max_retry_count=0, exception=None),
    )


class Binding(OneOf):
    """A ParameterBinding."""

    def __init__(self, name: str, data: OneOf) -> None:
        super().__init__(name=name, data=data)

    def WhichOneof(self, group: str) -> str | None:
        return "data"
