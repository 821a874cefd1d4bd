"""What the host and a worker process send each other: pickled objects, each with its length.

Both ends are this program, over a socket that no other process can reach.
"""

import asyncio
import copyreg
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from local.functions_host.bindings import Out

_LENGTH_BYTES = 8


@dataclass(frozen=True)
class Invocation:
    """A call of a function; `arguments` by parameter."""

    number: int
    function: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class InvocationResult:
    """What a function returned, or the class name, text and traceback of what it raised."""

    number: int
    value: Any = None
    outputs: Mapping[str, Out] = field(default_factory=dict)
    error: tuple[str, str, str] | None = None


def _mapping_proxy(values: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(values)


# An HttpRequest has mappings of this type, which pickle does not know.
copyreg.pickle(MappingProxyType, lambda proxy: (_mapping_proxy, (dict(proxy),)))


def write_frame(writer: asyncio.StreamWriter, content: Any) -> None:
    """Send an object. Raises what pickle raises for an object that cannot be sent."""
    data = pickle.dumps(content)
    writer.write(len(data).to_bytes(_LENGTH_BYTES, "big") + data)


async def read_frame(reader: asyncio.StreamReader) -> Any:
    """Wait for the next object. Raises IncompleteReadError at the end."""
    length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
    return pickle.loads(await reader.readexactly(length))
