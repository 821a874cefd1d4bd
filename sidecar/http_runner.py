"""An aiohttp runner whose responses to malformed HTTP are JSON, with our headers."""

from collections.abc import Callable

from aiohttp import web

from sidecar.responses import json_response

Headers = Callable[[], dict[str, str]]


class JsonErrorRunner(web.AppRunner):
    """Answers requests that never reach the application as JSON, with `headers`.

    aiohttp has no public hook for them: application signals are not sent for a request that could
    not be parsed. A test compares this override with the pinned version.
    """

    def __init__(self, application: web.Application, headers: Headers, **options: object) -> None:
        super().__init__(application, **options)  # type: ignore[arg-type]
        self._headers = headers

    async def _make_server(self) -> web.Server:
        base_server = await super()._make_server()
        server = _Server(
            base_server.request_handler,
            request_factory=base_server.request_factory,
            handler_cancellation=base_server.handler_cancellation,
            loop=base_server._loop,
            **base_server._kwargs,
        )
        server.headers = self._headers
        return server


class _Server(web.Server):
    headers: Headers

    def __call__(self) -> web.RequestHandler:
        return _Protocol(self, loop=self._loop, **self._kwargs)


class _Protocol(web.RequestHandler):
    __slots__ = ("_headers",)

    def __init__(self, server: _Server, **options: object) -> None:
        super().__init__(server, **options)  # type: ignore[arg-type]
        self._headers = server.headers

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Leaves the parser's message out: it can quote a header, and so the token."""
        super().handle_error(request, status, exc, message)  # raises if a response was started
        error = "malformed HTTP request" if status < 500 else "exec failed"
        return json_response({"error": error}, status, self._headers())
