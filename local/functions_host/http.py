"""HTTP triggers."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import azure.functions as func
from aiohttp import web
from multidict import MultiMapping

from local.functions_host.functions import Function
from local.functions_host.invoking import Invoker
from local.functions_host.routes import Route, route

log = logging.getLogger("host")
LARGEST_BODY = 100 * 1024 * 1024
"""As on Azure."""
ALL_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")


class NoResponse(Exception):
    """A function returned a value of the type named, which cannot be sent."""


@dataclass(frozen=True)
class Served:
    """A function with its route and its methods."""

    function: Function
    route: Route
    methods: Sequence[str]


class HttpTriggers:
    """Finds the function for a request and answers with what it says."""

    def __init__(
        self,
        functions: Sequence[Function],
        prefix: str,
        invoker: Invoker,
    ) -> None:
        self._invoker = invoker
        # As Azure's host orders them: a route that is more exact is not tried earlier for it.
        ordered = sorted(functions, key=lambda one: one.name.upper())
        self.served = [_served(one, prefix) for one in ordered if one.kind.lower() == "httptrigger"]

    async def handle(self, request: web.Request) -> web.Response:
        """The first function by name whose route and method match answers, as on Azure.

        404 without a body where none does.
        """
        path = request.raw_path.partition("?")[0]
        for one in self.served:
            parameters = one.route.match(path) if request.method in one.methods else None
            if parameters is not None:
                return await self._invoke(one.function, parameters, request)
        return web.Response(status=404)

    async def _invoke(
        self, function: Function, parameters: Mapping[str, str], request: web.Request
    ) -> web.Response:
        asked = func.HttpRequest(
            request.method,
            str(request.url),
            headers=_joined(request.headers),
            params=_joined(request.query),
            route_params=parameters,
            body=await request.read(),
        )
        about = f"{request.method} {request.path}"
        try:
            result = await self._invoker.call(function, about, asked)
        except Exception:  # noqa: BLE001  a crash of user code, which the invoker has logged
            return web.Response(status=500)
        try:
            return _answer(result)
        except NoResponse as fault:
            log.error("%s returned %s, which is no response", function.name, fault)
            return web.Response(status=500)


def _served(function: Function, prefix: str) -> Served:
    template = function.trigger.get("route") or function.name
    methods = [str(method).upper() for method in function.trigger.get("methods") or ALL_METHODS]
    return Served(function, route(f"{prefix}/{template}"), methods)


def _joined(values: MultiMapping[str]) -> dict[str, str]:
    """What is said several times is one value with commas; an empty one is dropped, as on Azure."""
    joined = {name: ",".join(values.getall(name)) for name in values}
    return {name: value for name, value in joined.items() if value}


def _answer(result: Any) -> web.Response:
    """What a function returned: an HttpResponse or a text. Raises NoResponse."""
    if isinstance(result, str):
        return web.Response(text=result)
    if not isinstance(result, func.HttpResponse):
        raise NoResponse(type(result).__name__)
    answer = web.Response(status=result.status_code, body=result.get_body())
    for name, value in result.headers.items():
        answer.headers.add(name, value)
    if "Content-Type" not in result.headers and result.mimetype:
        charset = f"; charset={result.charset}" if result.mimetype.startswith("text/") else ""
        answer.headers["Content-Type"] = result.mimetype + charset
    return answer
