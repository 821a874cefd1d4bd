"""The HTTP routes: authenticate, parse, run, respond."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from aiohttp import web

from sidecar.admission import BUSY_RETRY_AFTER, Admission
from sidecar.command_runner import CommandRunner
from sidecar.exec_request import BODY_CAP, ExecCommand, parse_command
from sidecar.log import log_exception
from sidecar.operations import Operations
from sidecar.output import CapturedOutput
from sidecar.responses import Refusal, json_response
from sidecar.settings import SidecarSettings
from sidecar.stream import stream_command
from sidecar.tokens import Tokens

OPERATION_ID = re.compile(r"[a-z0-9-]{1,80}")
LONGEST_WAIT = 25.0
"""Maximum seconds of `wait`; an ingress cuts a silent request at about four minutes."""

INSTANCE = "X-Exec-Instance"
"""On every response: the id of the state folder. A response without it proves nothing."""

EXPECTED_INSTANCE = "X-Exec-Expect-Instance"
"""A request that names another instance gets 412 and changes nothing."""

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ExecServer:
    """The routes of the exec server.

    Before `open`, another sidecar holds the state folder: /healthz is answered, everything else is
    503 without an instance id, because this server cannot know what the holder has run.
    """

    def __init__(
        self,
        settings: SidecarSettings,
        admission: Admission,
        commands: CommandRunner,
        operations: Operations,
        facts: Callable[[], dict[str, object]] = dict,
    ) -> None:
        """`facts` returns further fields for /healthz."""
        self._settings = settings
        self._tokens = Tokens(list(settings.token_sources))
        self._admission = admission
        self._commands = commands
        self._operations = operations
        self._facts = facts
        self._instance: str | None = None
        self._detached: set[asyncio.Task[Any]] = set()

    def open(self, instance: str) -> None:
        """Start to serve, with the id of the state folder."""
        self._instance = instance

    def headers(self) -> dict[str, str]:
        """Headers of every response. A stored one would prove what has been true before."""
        instance = {INSTANCE: self._instance} if self._instance else {}
        return {"Cache-Control": "no-store", **instance}

    def application(self) -> web.Application:
        application = web.Application(middlewares=[self._guard])
        application.on_response_prepare.append(self._add_headers)
        application.add_routes(
            [
                web.get("/healthz", self._health, allow_head=False),
                web.post("/exec", self._exec),
                web.post("/exec/stream", self._stream),
                web.put("/operations/{id}", self._put_operation),
                web.get("/operations/{id}", self._get_operation, allow_head=False),
                web.delete("/operations/{id}", self._delete_operation),
            ]
        )
        return application

    async def _add_headers(self, _: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(self.headers())

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Check path, token, instance in this order; turn every error into JSON."""
        try:
            self._admit(request)
            return await handler(request)
        except Refusal as refusal:
            return json_response(refusal.body, refusal.status, refusal.headers)
        except ConnectionError:
            raise  # the client has disconnected
        except web.RequestPayloadError:
            return json_response({"error": "malformed HTTP body"}, 400)
        except Exception:  # noqa: BLE001 an unexpected error is answered as the contract says, and logged
            log_exception("request_failed", method=request.method)
            return json_response({"error": "exec failed"}, 500)

    def _admit(self, request: web.Request) -> None:
        """Raises Refusal for an unknown path, an invalid token or another instance."""
        is_known = request.match_info.http_exception is None
        if is_known and request.path == "/healthz":
            return
        if self._instance is None:
            raise Refusal(503, "another exec server holds the state folder", BUSY_RETRY_AFTER)
        if not is_known:
            raise Refusal(404, "not found")
        token = request.headers.get("X-Exec-Token", "").encode("utf-8", "surrogateescape")
        if not self._tokens.accept(token):
            raise Refusal(401, "missing or invalid X-Exec-Token")
        if request.headers.get(EXPECTED_INSTANCE, self._instance) != self._instance:
            raise Refusal(412, f"this is instance {self._instance}, not the expected one")

    async def _health(self, _: web.Request) -> web.Response:
        return json_response(
            {
                "status": "ok",
                "waiting": self._instance is None,
                "max_concurrency": self._settings.max_concurrency,
                "operations": True,
                **self._facts(),
            }
        )

    async def _exec(self, request: web.Request) -> web.Response:
        command = await self._command(request)
        self._admission.enter()
        output = CapturedOutput()
        result = await asyncio.shield(self._commands.start(command, output.take).task)
        output_fields = await asyncio.to_thread(output.facts, result.cut)
        return json_response({**result.facts(), **output_fields})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        command = await self._command(request)
        self._admission.enter()
        return await stream_command(request, self._commands, command)

    async def _put_operation(self, request: web.Request) -> web.Response:
        operation = _operation_id(request)
        command = await self._command(request)
        view = await self._run_detached(self._operations.put(operation, command))
        if view["state"] == "running":
            return json_response({name: view[name] for name in ("id", "state", "started_at")}, 202)
        return json_response(view)

    async def _get_operation(self, request: web.Request) -> web.Response:
        operation, wait = _operation_id(request), _wait(request.query.get("wait", "0"))
        return _view(operation, await self._operations.look(operation, wait))

    async def _delete_operation(self, request: web.Request) -> web.Response:
        operation = _operation_id(request)
        return _view(operation, await self._run_detached(self._operations.stop(operation)))

    async def _command(self, request: web.Request) -> ExecCommand:
        """Read and parse the command in the body. Raises Refusal."""
        too_large = Refusal(413, f"body too large (max {BODY_CAP})")
        if (request.content_length or 0) > BODY_CAP:
            raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                async for chunk in request.content.iter_any():
                    body += chunk
                    if len(body) > BODY_CAP:
                        raise too_large
        except TimeoutError as late:
            raise Refusal(408, "the body did not arrive in time") from late
        return parse_command(bytes(body))

    async def _run_detached(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` to its end even if the client disconnects."""
        task = asyncio.create_task(work)
        self._detached.add(task)
        task.add_done_callback(self._detached.discard)
        return await asyncio.shield(task)


def _operation_id(request: web.Request) -> str:
    operation = request.match_info["id"]
    if not OPERATION_ID.fullmatch(operation):
        raise Refusal(400, f"an operation id matches {OPERATION_ID.pattern}")
    return operation


def _wait(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text):
        raise Refusal(400, "wait must be a number of seconds")
    return min(float(text), LONGEST_WAIT)


def _view(operation: str, view: dict[str, Any] | None) -> web.Response:
    """Every response about an operation names it. Raises Refusal."""
    if view is None:
        raise Refusal(404, "operation not found", id=operation)
    return json_response(view)
