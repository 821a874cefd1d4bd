"""The HTTP side: who may ask, what is asked, and what is answered."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from aiohttp import web

from sidecar.admission import BUSY_RETRY_AFTER, Admission
from sidecar.answers import Refusal, answer
from sidecar.bodies import BODY_CAP, Command, parse_command
from sidecar.commands import Commands
from sidecar.log import log_exception
from sidecar.operations import Operations
from sidecar.output import CapturedOutput
from sidecar.settings import Settings
from sidecar.stream import stream_command
from sidecar.tokens import Tokens

OPERATION_ID = re.compile(r"[a-z0-9-]{1,80}")
LONGEST_WAIT = 25.0
"""Seconds a caller can wait in one request; an ingress cuts a silent one at about four minutes."""

INSTANCE = "X-Exec-Instance"
"""On every answer: the id of the state folder. Without it, an answer proves nothing."""

EXPECTED_INSTANCE = "X-Exec-Expect-Instance"
"""A request that names another instance is refused and changes nothing."""

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ExecServer:
    """The routes of the exec server, over the commands and operations it was handed.

    Until `open`, another sidecar holds the state folder: then it answers /healthz, and 503 to all
    else, without an instance id, because it cannot know what was ever run.
    """

    def __init__(
        self,
        settings: Settings,
        admission: Admission,
        commands: Commands,
        operations: Operations,
        facts: Callable[[], dict[str, object]] = dict,
    ) -> None:
        """`facts` are what /healthz says besides its own."""
        self._settings = settings
        self._tokens = Tokens(list(settings.token_sources))
        self._admission = admission
        self._commands = commands
        self._operations = operations
        self._facts = facts
        self._instance: str | None = None
        self._unattended: set[asyncio.Task[Any]] = set()

    def open(self, instance: str) -> None:
        """Serve from now on, from the state folder with this id."""
        self._instance = instance

    def headers(self) -> dict[str, str]:
        """What every answer carries."""
        return {INSTANCE: self._instance} if self._instance else {}

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
        """Path first, then token, then instance; whatever goes wrong is told as JSON."""
        try:
            self._admit(request)
            return await handler(request)
        except Refusal as refusal:
            return answer(refusal.body, refusal.status, refusal.headers)
        except ConnectionError:
            raise  # the client went away; there is nobody to answer
        except web.RequestPayloadError:
            return answer({"error": "malformed HTTP body"}, 400)
        except Exception:  # noqa: BLE001 a fault of ours is told as the contract says, and logged
            log_exception("request_failed", method=request.method)
            return answer({"error": "exec failed"}, 500)

    def _admit(self, request: web.Request) -> None:
        """Raises Refusal for a request that is not to be looked at."""
        is_known = request.match_info.http_exception is None
        if is_known and request.path == "/healthz":
            return
        if self._instance is None:
            raise Refusal(503, "another exec server holds the state folder", BUSY_RETRY_AFTER)
        if not is_known:
            raise Refusal(404, "not found")
        shown = request.headers.get("X-Exec-Token", "").encode("utf-8", "surrogateescape")
        if not self._tokens.accept(shown):
            raise Refusal(401, "missing or invalid X-Exec-Token")
        if request.headers.get(EXPECTED_INSTANCE, self._instance) != self._instance:
            raise Refusal(412, f"this is instance {self._instance}, not the expected one")

    async def _health(self, _: web.Request) -> web.Response:
        return answer(
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
        heard = CapturedOutput()
        ended = await asyncio.shield(self._commands.start(command, heard.take).task)
        return answer({**ended.facts(), **await asyncio.to_thread(heard.facts, ended.cut)})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        command = await self._command(request)
        self._admission.enter()
        return await stream_command(request, self._commands, command)

    async def _put_operation(self, request: web.Request) -> web.Response:
        operation = _operation_id(request)
        command = await self._command(request)
        view = await self._regardless(self._operations.put(operation, command))
        if view["state"] == "running":
            return answer({name: view[name] for name in ("id", "state", "started_at")}, 202)
        return answer(view)

    async def _get_operation(self, request: web.Request) -> web.Response:
        wait = _wait(request.query.get("wait", "0"))
        return _view(await self._operations.look(_operation_id(request), wait))

    async def _delete_operation(self, request: web.Request) -> web.Response:
        return _view(await self._regardless(self._operations.stop(_operation_id(request))))

    async def _command(self, request: web.Request) -> Command:
        """The command in the body, which has to arrive in time. Raises Refusal."""
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

    async def _regardless(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work` to its end even when the client, and with it this request, goes away."""
        task = asyncio.create_task(work)
        self._unattended.add(task)
        task.add_done_callback(self._unattended.discard)
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


def _view(view: dict[str, Any] | None) -> web.Response:
    if view is None:
        raise Refusal(404, "operation not found")
    return answer(view)
