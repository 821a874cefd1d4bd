"""The app's registered HTTP handlers, with the settings and store of a test."""

import asyncio
import inspect
import json
import runpy
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from azure.functions import HttpRequest, HttpResponse

from local.azurite import ACCOUNT, Azurite
from tests.support.samples import ENVIRONMENT
from tests.triggers.auth.directory import CLIENT, TENANT

SWITCHBOARD = Path(__file__).parents[3] / "function_app.py"


@dataclass(frozen=True)
class Route:
    """An HTTP function of the app."""

    name: str
    method: str
    path: str
    handler: Callable[..., Any]


def routes() -> list[Route]:
    """Return every registered HTTP function with its handler."""
    # Run like the host does; function_app is never imported.
    namespace = runpy.run_path(str(SWITCHBOARD))
    handlers = namespace["HANDLERS"] | namespace["DURABLE_HANDLERS"]
    result = []
    for function in namespace["app"].get_functions():
        trigger = function.get_trigger()
        if trigger.type == "httpTrigger":
            name = function.get_function_name()
            method = str(trigger.methods[0].value)
            result.append(Route(name, method, trigger.route, handlers[name]))
    return result


@dataclass
class Answer:
    """A parsed response."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def code(self) -> str:
        code: str = self.body["detail"]["code"]
        return code


@dataclass
class Durable:
    """A fake Durable Functions client that records started instances."""

    started: list[str] = field(default_factory=list)

    async def start_new(self, name: str, instance_id: str, client_input: Any) -> str:
        self.started.append(instance_id)
        return instance_id

    async def raise_event(self, instance_id: str, event_name: str, event_data: Any) -> None:
        assert instance_id

    async def get_status(self, instance_id: str) -> None:
        return None


def ask(
    route: Route,
    headers: Mapping[str, str],
    parts: Mapping[str, str] | None = None,
    body: bytes | dict[str, Any] = b"",
    params: Mapping[str, str] | None = None,
) -> Answer:
    """Call a handler like the host does; `parts` are the path parameters."""
    request = HttpRequest(
        route.method,
        f"http://127.0.0.1:7071/api/{route.path.replace('{*', '{').format(**parts or {})}",
        headers=headers,
        params=params or {},
        route_params=parts or {},
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
    )
    bindings = (
        {"client": Durable()} if "client" in inspect.signature(route.handler).parameters else {}
    )
    result = route.handler(req=request, **bindings)
    answer: HttpResponse = asyncio.run(result) if inspect.iscoroutine(result) else result
    data = answer.get_body()
    is_json = answer.mimetype == "application/json"
    return Answer(answer.status_code, json.loads(data) if is_json else data, dict(answer.headers))


@contextmanager
def running(azurite: Azurite, **changes: str) -> Iterator[None]:
    """Run the block with the settings of a deployment; caches are cleared before and after."""
    settings = ENVIRONMENT | {
        "BLAST_AUTH_MODE": "entra",
        "BLAST_TENANT_ID": TENANT,
        "BLAST_CLIENT_ID": CLIENT,
        "BLAST_STORAGE_ACCOUNT": ACCOUNT,
        "BLAST_STORAGE_CONNECTION_STRING": azurite.connection_string,
    }
    settings |= {f"BLAST_{name.upper()}": text for name, text in changes.items()}
    with pytest.MonkeyPatch.context() as environment:
        for name, text in settings.items():
            environment.setenv(name, text)
        _clear_caches()
        try:
            yield
        finally:
            _clear_caches()


def _clear_caches() -> None:
    """Empty every cache of the app."""
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in ("shared", "triggers"):
            for value in list(vars(module).values()):
                if callable(clear := getattr(value, "cache_clear", None)):
                    clear()
