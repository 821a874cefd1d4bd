"""aiohttp's server, whose own answers to what is no HTTP are ours in form, too."""

from collections.abc import Callable

from aiohttp import web

from sidecar.answers import answer

Headers = Callable[[], dict[str, str]]


class JsonErrorRunner(web.AppRunner):
    """Answers what the application never sees as JSON, with `headers`.

    aiohttp has no public hook for it: an application's signals are not sent for a request that
    could not be parsed. A test compares this with the pinned version.
    """

    def __init__(self, application: web.Application, headers: Headers, **options: object) -> None:
        super().__init__(application, **options)  # type: ignore[arg-type]
        self._headers = headers

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        server = _Server(
            made.request_handler,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            loop=made._loop,
            **made._kwargs,
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
        """The parser's message is left out: it can quote a header, and that one the token."""
        super().handle_error(request, status, exc, message)  # raises if an answer has begun
        error = "malformed HTTP request" if status < 500 else "exec failed"
        return answer({"error": error}, status, self._headers())
