"""HTTP triggers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import azure.functions as func
from aiohttp import web

from local.functions_host.functions import Function
from local.functions_host.invoking import Invoker
from local.functions_host.routes import Route, best, route

LARGEST_BODY = 100 * 1024 * 1024
"""As on Azure."""
ALL_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")


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
        self.served = [
            _served(one, prefix) for one in functions if one.kind.lower() == "httptrigger"
        ]

    async def handle(self, request: web.Request) -> web.Response:
        """404 where no route matches, 405 where only its methods do not; both without a body."""
        path = request.raw_path.partition("?")[0]
        matching = best({one.route for one in self.served}, path)
        if matching is None:
            return web.Response(status=404)
        here = [one for one in self.served if one.route.match(path) is not None]
        fitting = [one for one in here if request.method in one.methods]
        if not fitting:
            allowed = {method for one in here for method in one.methods}
            return web.Response(status=405, headers={"Allow": ", ".join(sorted(allowed))})
        chosen = min(fitting, key=lambda one: one.route.rank)
        return await self._invoke(chosen, request, path)

    async def _invoke(self, chosen: Served, request: web.Request, path: str) -> web.Response:
        body = await request.read()
        asked = func.HttpRequest(
            request.method,
            str(request.url),
            headers=dict(request.headers),
            params=dict(request.query),
            route_params=chosen.route.match(path) or {},
            body=body,
        )
        about = f"{request.method} {path}"
        try:
            result = await self._invoker.call(chosen.function, about, asked)
        except Exception:  # noqa: BLE001  a crash of user code, which the invoker has logged
            return web.Response(status=500)
        return _answer(result)


def _served(function: Function, prefix: str) -> Served:
    template = function.trigger.get("route") or function.name
    methods = [str(method).upper() for method in function.trigger.get("methods") or ALL_METHODS]
    return Served(function, route(f"{prefix}/{template}"), methods)


def _answer(result: Any) -> web.Response:
    """What a function returned: an HttpResponse, a text, or nothing."""
    if not isinstance(result, func.HttpResponse):
        return web.Response(text=str(result)) if result is not None else web.Response(status=204)
    answer = web.Response(status=result.status_code, body=result.get_body())
    for name, value in result.headers.items():
        answer.headers.add(name, value)
    if "Content-Type" not in result.headers and result.mimetype:
        charset = f"; charset={result.charset}" if result.mimetype.startswith("text/") else ""
        answer.headers["Content-Type"] = result.mimetype + charset
    return answer
