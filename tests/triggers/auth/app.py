"""The app's registered HTTP routes, served with the settings and store of a test."""

import inspect
import json
import runpy
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MethodType
from typing import Any

from azure.functions import HttpRequest

from local.azurite import Azurite
from shared.dependencies import Dependencies
from tests.support.dependencies import NO_PLATFORM, opened
from tests.triggers.auth.directory import CLIENT, TENANT
from triggers.http.handlers import handler_of
from triggers.http.responses import Handler
from triggers.http.services import HttpServices
from triggers.url_api import handler as url_api

FUNCTION_APP = Path(__file__).parents[3] / "function_app.py"


@dataclass(frozen=True)
class Route:
    """An HTTP function of the app."""

    name: str
    method: str
    path: str


def routes() -> dict[str, Route]:
    """Return every registered HTTP function by name."""
    # Run like the host does; function_app is never imported.
    result = {}
    for function in runpy.run_path(str(FUNCTION_APP))["app"].get_functions():
        trigger = function.get_trigger()
        if trigger.type == "httpTrigger":
            name = function.get_function_name()
            result[name] = Route(name, str(trigger.methods[0].value), trigger.route)
    return result


@dataclass
class Answer:
    """A parsed response."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def code(self) -> str:
        return self.headers["x-ms-error-code"]


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

    async def purge_instance_history(self, instance_id: str) -> None:
        assert instance_id


@dataclass(frozen=True)
class App:
    """The app with the settings and store of a test."""

    clients: Dependencies
    services: HttpServices

    async def ask(
        self,
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
        handler = _handler_of(route.name, self.services)
        parameters = inspect.signature(handler).parameters
        bindings: dict[str, Any] = {"client": Durable()} if "client" in parameters else {}
        answer = await handler(req=request, **bindings)
        data = answer.get_body()
        is_json = answer.mimetype == "application/json"
        content = json.loads(data) if is_json else data
        return Answer(answer.status_code, content, dict(answer.headers))


def _handler_of(name: str, services: HttpServices) -> Handler:
    if name == url_api.NAME:
        return MethodType(url_api.url_api, services)
    return handler_of(name, services)


@asynccontextmanager
async def running(
    azurite: Azurite, platform: Mapping[str, str] = NO_PLATFORM, **changes: str
) -> AsyncIterator[App]:
    """The app with the settings of a deployment and these changes; closed at the end."""
    entra = {"auth_mode": "entra", "tenant_id": TENANT, "client_id": CLIENT}
    async with opened(azurite, platform, **(entra | changes)) as clients:
        yield App(clients, HttpServices(clients))
