"""The HTTP server of a cluster: authentication, routes, errors as `Status` bodies."""

import hmac
import json
import logging
from collections.abc import Awaitable, Callable

from aiohttp import BasicAuth, web
from aiohttp.typedefs import Middleware

from local.cluster.api_errors import ApiError, unauthorized
from local.cluster.cluster import LocalCluster
from local.cluster.logs import LogReader
from local.cluster.pages import Pages
from local.cluster.read_requests import Reader, json_response
from local.cluster.resources import KINDS, PODS, Json, ResourceKind, documents
from local.cluster.watch_requests import Watcher
from local.cluster.write_requests import Writer

_log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_PUBLIC_PATHS = ("/healthz", "/livez", "/readyz", "/version")
"""Paths that need no token, as on a real cluster."""

_REASONS = {
    404: ("NotFound", "the server could not find the requested resource"),
    405: ("MethodNotAllowed", "the server does not allow this method on the requested resource"),
    413: ("RequestEntityTooLarge", "the body of the request is too large"),
}
"""Reason and message by HTTP status, for errors of the router and the parser."""

_MAX_BODY_BYTES = 3 * 1024 * 1024
"""Maximum size of a request body in bytes (the limit of Kubernetes)."""


def application(cluster: LocalCluster, token: str, anonymous: bool = False) -> web.Application:
    """The app that serves `cluster` to clients with `token`.

    The token is sent as a bearer token, or as the password of basic authentication: kubectl sends
    that over plain HTTP for a server URL with a password, because it sends bearer tokens over TLS
    only. With `anonymous`, requests without credentials are served, too.
    """
    app = web.Application(client_max_size=_MAX_BODY_BYTES, middlewares=[_guard(token, anonymous)])
    app.middlewares.append(_handle_errors)
    for path, document in documents().items():
        app.router.add_get(path, _constant(json.dumps(document)))
    for path in _PUBLIC_PATHS[:3]:
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
    collection_path = f"{kind.root}{within}/{kind.plural}"
    object_path = f"{collection_path}/{{name}}"
    routes: dict[str, tuple[str, str, Handler]] = {
        "list": ("GET", collection_path, list_or_watch),
        "get": ("GET", object_path, reader.get),
        "create": ("POST", collection_path, writer.create),
        "update": ("PUT", object_path, writer.update),
        "patch": ("PATCH", object_path, writer.patch),
        "delete": ("DELETE", object_path, writer.delete),
        "deletecollection": ("DELETE", collection_path, writer.delete_selected),
    }
    for verb, (method, path, handler) in routes.items():
        if verb in kind.verbs:
            app.router.add_route(method, path, handler)
    if kind.namespaced:
        app.router.add_get(f"{kind.root}/{kind.plural}", list_or_watch)
    if kind is PODS:
        app.router.add_get(f"{object_path}/log", LogReader(cluster, reader).log)


def _constant(object_path: str) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return json_response(object_path)

    return handler


async def _healthy(_: web.Request) -> web.Response:
    return web.Response(text="ok")


def _guard(token: str, anonymous: bool) -> Middleware:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        authorization = request.headers.get("Authorization")
        is_authorized = anonymous if authorization is None else _has_token(authorization, token)
        if is_authorized or request.path in _PUBLIC_PATHS:
            return await handler(request)
        return _error_response(unauthorized())

    return guard


def _has_token(authorization: str, token: str) -> bool:
    scheme, _, secret = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            secret = BasicAuth.decode(authorization).password
        except ValueError:
            return False
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(secret.strip().encode(), token.encode())


@web.middleware
async def _handle_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as error:
        return _error_response(error)
    except web.HTTPException as error:
        reason, message = _REASONS.get(error.status, (error.reason.replace(" ", ""), error.reason))
        return _error_response(ApiError(error.status, reason, message))
    except ConnectionError:
        raise
    except Exception:  # noqa: BLE001  an unexpected error is logged and answered as Kubernetes does
        _log.exception("%s %s", request.method, request.path)
        return _error_response(
            ApiError(500, "InternalError", "internal error; see the cluster's log")
        )


def _error_response(error: ApiError) -> web.Response:
    body: Json = error.body()
    return json_response(json.dumps(body), error.code)
