"""Client of the exec sidecar. Returns what a response proves about an operation, as values."""

import json
import logging
import re
from collections.abc import Callable
from datetime import timedelta

from shared.clients.http_client import (
    ConnectFailed,
    OutcomeUnknown,
    Response,
    send_request,
)
from shared.clients.sidecar_responses import (
    INSTANCE_HEADER,
    NO_OPERATIONS,
    OTHER_INSTANCE,
    UNAUTHORIZED,
    as_probe_result,
    parse_exec,
    parse_json,
    parse_look,
    parse_operation,
    parse_rejection,
    parse_start,
)
from shared.contracts.exec import (
    Command,
    Finished,
    Health,
    HttpRejection,
    Interrupted,
    OperationRunning,
    Result,
    Unreachable,
    Untracked,
)
from shared.util.addresses import parse_address
from shared.util.threads import in_thread

GRACE = timedelta(seconds=15)
"""Extra time for a response beyond the requested wait."""
LONGEST_WAIT = timedelta(seconds=25)
"""The sidecar's own limit for `wait`."""
LONGEST_EXEC = timedelta(seconds=200)
"""How long the client waits for /exec. An ingress cuts an idle request after four minutes, and
Azure stops a function after five. The command itself runs until its own timeout."""
BAD_REQUEST = 400
EXPECT_HEADER = "X-Exec-Expect-Instance"
NOT_AN_OPERATION = Untracked("it was started by /exec, which keeps no operation")

log = logging.getLogger("blast")

_OPERATION_ID = re.compile(r"[a-z0-9-]{1,80}")


class SidecarClient:
    """The sidecar at one URL. Network errors are returned as values, never raised.

    `instance` is the sidecar instance that received the operation. Only its responses about that
    operation prove anything; without one there is no operation, and nothing is asked.
    """

    def __init__(
        self, url: str, read_token: Callable[[], str], *, grace: timedelta = GRACE
    ) -> None:
        """`read_token` is called again when the token is refused, as after a rotation.

        Raises ValueError, without quoting the URL, for a URL that is neither https nor loopback.
        """
        try:
            self._address = parse_address(url)
        except ValueError as error:
            raise ValueError(f"the sidecar's URL is not allowed: {error}") from None
        self._read_token = read_token
        self._token: str | None = None
        self._grace = grace

    async def run_operation(
        self, operation_id: str, command: Command, wait: timedelta, instance: str
    ) -> Result:
        """Start an operation on that instance, or attach to it, and wait up to `wait` for its end.

        Untracked means that the responding server did not start it. Any other instance than
        `instance` answers 412 and starts nothing.
        """
        path, body = _path(operation_id), _body(command)
        response = await self._request("PUT", path, body, headers={EXPECT_HEADER: instance})
        started = parse_start(response, operation_id, instance)
        if not isinstance(started, OperationRunning) or not wait:
            return started
        polled = await self.get_operation(operation_id, wait, instance)
        # No other response proves that what was started has ended, a 404 least of all.
        return polled if isinstance(polled, Finished | Interrupted) else started

    async def get_operation(
        self, operation_id: str, wait: timedelta, instance: str | None
    ) -> Result | None:
        """The operation's state after at most `wait`; None if it was never started."""
        if instance is None:
            return NOT_AN_OPERATION
        wait = min(wait, LONGEST_WAIT)
        path = f"{_path(operation_id)}?wait={wait.total_seconds():g}"
        return parse_look(await self._request("GET", path, wait=wait), operation_id, instance)

    async def stop_operation(self, operation_id: str, instance: str | None) -> Result | None:
        """Kill an operation and all its processes. None if it was never started, and never will be.

        Any other instance than `instance` answers 412: it must not record an operation that it
        never received, nor call it interrupted later.
        """
        if instance is None:
            return NOT_AN_OPERATION
        headers = {EXPECT_HEADER: instance}
        response = await self._request("DELETE", _path(operation_id), wait=GRACE, headers=headers)
        if isinstance(response, Response) and response.status == OTHER_INSTANCE:
            return Untracked("HTTP 412 from another sidecar instance")
        return parse_operation(response, operation_id, instance)

    async def exec(self, command: Command) -> Result:
        """Run a command synchronously: the result is lost if the connection breaks.

        For sidecars without operations.
        """
        wait = min(command.timeout, LONGEST_EXEC)
        return parse_exec(await self._request("POST", "/exec", _body(command), wait=wait))

    async def health(self) -> Health | HttpRejection | Unreachable:
        """The sidecar's health report. GET has no effect, so `request_sent` is always False."""
        response = await self._request("GET", "/healthz")
        if isinstance(response, Unreachable):
            return Unreachable(response.message, request_sent=False)
        if response.status in NO_OPERATIONS:  # every exec server has this path
            message = f"HTTP {response.status} of something that is not the sidecar"
            return Unreachable(message, request_sent=False)
        if response.status != 200:
            return as_probe_result(parse_rejection(response))
        body = parse_json(response)
        if not isinstance(body, dict) or body.get("status") != "ok":
            return Unreachable("the response is not from the sidecar", request_sent=False)
        if body.get("waiting") is True:
            text = "the sidecar waits until another one releases its state folder"
            return Unreachable(text, request_sent=False)
        slots = body.get("max_concurrency")
        instance = response.headers.get(INSTANCE_HEADER.lower())
        return Health(
            max_concurrency=slots if isinstance(slots, int) else None,
            # Without the instance's name, no response about an operation could be trusted.
            operations=body.get("operations") is True and bool(instance),
            instance=instance,
        )

    async def check_token(self) -> HttpRejection | Unreachable | None:
        """Whether the sidecar accepts the token: None if it does, else the reason. Runs nothing."""
        response = await self._request("POST", "/exec", b"{}")
        if isinstance(response, Unreachable):
            return Unreachable(response.message, request_sent=False)
        rejection = parse_rejection(response)
        if rejection.status == BAD_REQUEST and not rejection.foreign:
            return None  # the sidecar checks the token before the body
        return as_probe_result(rejection)

    async def _request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        wait: timedelta = timedelta(0),
        headers: dict[str, str] | None = None,
    ) -> Response | Unreachable:
        """A response of any status. After a 401, retries once if the token has changed."""
        token = self._token or await self._reload_token()
        response = await self._send(method, path, body, wait, _headers(token, headers))
        if isinstance(response, Response) and response.status == UNAUTHORIZED:
            new_token = await self._reload_token()
            if new_token != token:
                return await self._send(method, path, body, wait, _headers(new_token, headers))
        return response

    async def _reload_token(self) -> str | None:
        """Read the token again. None if it is unreadable or invalid: the sidecar answers 401."""
        try:
            self._token = _validate_token(await in_thread(self._read_token))
        except (OSError, ValueError) as error:
            self._token = None
            log.error("sidecar_token_unreadable error=%s", type(error).__name__)
        return self._token

    async def _send(
        self, method: str, path: str, body: bytes | None, wait: timedelta, headers: dict[str, str]
    ) -> Response | Unreachable:
        """A response of any status, within `wait` plus the grace."""
        timeout = (wait + self._grace).total_seconds()
        try:
            return await send_request(self._address, method, path, body, headers, timeout)
        except ConnectFailed as error:
            return Unreachable(f"the sidecar cannot be reached: {error}", request_sent=False)
        except OutcomeUnknown as error:
            return Unreachable(f"the sidecar did not answer: {error}", request_sent=True)


def _headers(token: str | None, extra: dict[str, str] | None) -> dict[str, str]:
    token_header = {"X-Exec-Token": token} if token else {}
    return {"Content-Type": "application/json", **token_header, **(extra or {})}


def _path(operation_id: str) -> str:
    if not _OPERATION_ID.fullmatch(operation_id):
        raise ValueError(f"operation id {operation_id!r} must match {_OPERATION_ID.pattern}")
    return f"/operations/{operation_id}"


def _validate_token(token: str) -> str:
    token = token.strip()
    if not token or not (token.isascii() and token.isprintable()):
        raise ValueError("the sidecar's token must be printable ASCII and not empty")
    return token


def _body(command: Command) -> bytes:
    """The command as JSON. Deterministic, because the sidecar compares repeated requests."""
    body = {
        "argv": list(command.argv),
        "stdin": command.stdin,
        "timeout_seconds": int(command.timeout.total_seconds()),
    }
    return json.dumps(body, sort_keys=True).encode()
