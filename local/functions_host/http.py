"""HTTP triggers: routing, requests, responses."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import azure.functions as func
from aiohttp import web
from multidict import MultiMapping

from local.functions_host.functions import Function
from local.functions_host.invoker import Invoker
from local.functions_host.routes import Route, route

log = logging.getLogger("host")
MAX_BODY_BYTES = 100 * 1024 * 1024
"""The limit on Azure."""
ALL_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")


class NoResponse(Exception):
    """The function returned an object of the named type, which cannot be sent."""


@dataclass(frozen=True)
class Served:
    """A function with its route and methods."""

    function: Function
    route: Route
    methods: Sequence[str]


class HttpTriggers:
    """Finds the function for a request and returns its response."""

    def __init__(
        self,
        functions: Sequence[Function],
        prefix: str,
        invoker: Invoker,
    ) -> None:
        self._invoker = invoker
        # Azure's host sorts by name, too: a more specific route is not preferred.
        ordered = sorted(functions, key=lambda function: function.name.upper())
        self.served = [
            _served(function, prefix)
            for function in ordered
            if function.kind.lower() == "httptrigger"
        ]

    async def handle(self, request: web.Request) -> web.Response:
        """Respond with the first function by name whose route and method match, as on Azure.

        404 without a body if none matches.
        """
        path = request.raw_path.partition("?")[0]
        for http_function in self.served:
            parameters = (
                http_function.route.match(path) if request.method in http_function.methods else None
            )
            if parameters is not None:
                return await self._invoke(http_function.function, parameters, request)
        return web.Response(status=404)

    async def _invoke(
        self, function: Function, parameters: Mapping[str, str], request: web.Request
    ) -> web.Response:
        http_request = func.HttpRequest(
            request.method,
            str(request.url),
            headers=_joined(request.headers),
            params=_joined(request.query),
            route_params=parameters,
            body=await request.read(),
        )
        description = f"{request.method} {request.path}"
        try:
            result = await self._invoker.call(function, description, http_request)
        except Exception:  # noqa: BLE001  a crash of user code, which the invoker has logged
            return web.Response(status=500)
        try:
            return _to_response(result)
        except NoResponse as fault:
            log.error("%s returned %s, which is not a response", function.name, fault)
            return web.Response(status=500)


def _served(function: Function, prefix: str) -> Served:
    template = function.trigger.get("route") or function.name
    methods = [str(method).upper() for method in function.trigger.get("methods") or ALL_METHODS]
    return Served(function, route(f"{prefix}/{template}"), methods)


def _joined(values: MultiMapping[str]) -> dict[str, str]:
    """Join repeated values with commas and drop empty ones, as on Azure."""
    joined = {name: ",".join(values.getall(name)) for name in values}
    return {name: value for name, value in joined.items() if value}


def _to_response(result: Any) -> web.Response:
    """A response from a function's HttpResponse or str. Raises NoResponse."""
    if isinstance(result, str):
        return web.Response(text=result)
    if not isinstance(result, func.HttpResponse):
        raise NoResponse(type(result).__name__)
    response = web.Response(status=result.status_code, body=result.get_body())
    for name, value in result.headers.items():
        response.headers.add(name, value)
    if "Content-Type" not in result.headers and result.mimetype:
        charset = f"; charset={result.charset}" if result.mimetype.startswith("text/") else ""
        response.headers["Content-Type"] = result.mimetype + charset
    return response
