"""The HTTP face of a cluster: who may ask, which path is whose, and refusals as `Status` bodies."""

import hmac
import json
import logging
from collections.abc import Awaitable, Callable

from aiohttp import BasicAuth, web
from aiohttp.typedefs import Middleware

from local.cluster.cluster import LocalCluster
from local.cluster.kinds import KINDS, PODS, Json, ResourceKind, documents
from local.cluster.logs import LogReader
from local.cluster.pages import Pages
from local.cluster.problems import ApiError, unauthorized
from local.cluster.reading import Reader, answer
from local.cluster.watching import Watcher
from local.cluster.writing import Writer

_log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_OPEN = ("/healthz", "/livez", "/readyz", "/version")
"""Paths that anybody may ask for, as on a real cluster."""

_REASONS = {
    404: ("NotFound", "the server could not find the requested resource"),
    405: ("MethodNotAllowed", "the server does not allow this method on the requested resource"),
    413: ("RequestEntityTooLarge", "the body of the request is too large"),
}
"""Reason and message by HTTP status, for what the router and the parser refuse."""

_LARGEST = 3 * 1024 * 1024
"""Bytes of a request body, at most (the limit of Kubernetes)."""


def application(cluster: LocalCluster, token: str, anonymous: bool = False) -> web.Application:
    """The app that serves `cluster` to who shows `token`.

    The token comes as a bearer, or as the password of basic authentication: that is what kubectl
    sends over plain HTTP for a server URL with a password in it, because it keeps bearer tokens
    for TLS. With `anonymous`, a request without any credentials is served too.
    """
    app = web.Application(client_max_size=_LARGEST, middlewares=[_guard(token, anonymous)])
    app.middlewares.append(_refusals)
    for path, document in documents().items():
        app.router.add_get(path, _constant(json.dumps(document)))
    for path in _OPEN[:3]:
        app.router.add_get(path, _healthy)
    pages = Pages(cluster.clock)
    for kind in KINDS:
        _add_routes(app, cluster, kind, pages)
    return app


def _add_routes(
    app: web.Application, cluster: LocalCluster, kind: ResourceKind, pages: Pages
) -> None:
    reader = Reader(cluster, kind, pages)
    writer, watcher = Writer(cluster, kind, reader), Watcher(cluster, kind, reader)

    async def list_or_watch(request: web.Request) -> web.StreamResponse:
        watches = request.query.get("watch") in ("true", "1")
        return await (watcher.watch(request) if watches else reader.page(request))

    within = "/namespaces/{namespace}" if kind.namespaced else ""
    many = f"{kind.root}{within}/{kind.plural}"
    text = f"{many}/{{name}}"
    served: dict[str, tuple[str, str, Handler]] = {
        "list": ("GET", many, list_or_watch),
        "get": ("GET", text, reader.get),
        "create": ("POST", many, writer.create),
        "update": ("PUT", text, writer.update),
        "patch": ("PATCH", text, writer.patch),
        "delete": ("DELETE", text, writer.delete),
        "deletecollection": ("DELETE", many, writer.delete_selected),
    }
    for verb, (method, path, handler) in served.items():
        if verb in kind.verbs:
            app.router.add_route(method, path, handler)
    if kind.namespaced:
        app.router.add_get(f"{kind.root}/{kind.plural}", list_or_watch)
    if kind is PODS:
        app.router.add_get(f"{text}/log", LogReader(cluster, reader).log)


def _constant(text: str) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return answer(text)

    return handler


async def _healthy(_: web.Request) -> web.Response:
    return web.Response(text="ok")


def _guard(token: str, anonymous: bool) -> Middleware:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        shown = request.headers.get("Authorization")
        welcome = anonymous if shown is None else _knows(shown, token)
        if welcome or request.path in _OPEN:
            return await handler(request)
        return _refusal(unauthorized())

    return guard


def _knows(shown: str, token: str) -> bool:
    scheme, _, secret = shown.partition(" ")
    if scheme.lower() == "basic":
        try:
            secret = BasicAuth.decode(shown).password
        except ValueError:
            return False
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(secret.strip().encode(), token.encode())


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as refused:
        return _refusal(refused)
    except web.HTTPException as error:
        reason, why = _REASONS.get(error.status, (error.reason.replace(" ", ""), error.reason))
        return _refusal(ApiError(error.status, reason, why))
    except ConnectionError:
        raise
    except Exception:  # noqa: BLE001  a bug is logged with its trace, and answered as Kubernetes does
        _log.exception("%s %s", request.method, request.path)
        return _refusal(ApiError(500, "InternalError", "the cluster failed; its log says how"))


def _refusal(refused: ApiError) -> web.Response:
    body: Json = refused.body()
    return answer(json.dumps(body), refused.code)
