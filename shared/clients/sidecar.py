"""The exec sidecar's client: a request and what its answer proves, as values."""

import json
import logging
import re
from collections.abc import Callable
from datetime import timedelta
from math import inf
from typing import Any

from shared.clients.http_client import (
    ConnectFailed,
    OutcomeUnknown,
    Response,
    parse_address,
    send_request,
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
from shared.util.redaction import redacted

GRACE = timedelta(seconds=15)
"""How much longer an answer may take than the wait that was asked for."""
LONGEST_WAIT = timedelta(seconds=25)
"""The longest wait that the sidecar offers."""
LONGEST_EXEC = timedelta(seconds=200)
"""How long the answer of /exec is waited for: an ingress cuts a silent request at four minutes,
and Azure a function at five. The command goes on for as long as it was given."""
LONGEST_HINT = timedelta(days=1)
"""A longer `retry_after` says no more than this one."""
LONGEST_MESSAGE = 500
BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, OTHER_INSTANCE = 400, 401, 403, 404, 412
NO_OPERATIONS = {NOT_FOUND, 405, 501}
"""Statuses of whoever does not keep an operation, or keeps none at all."""
INSTANCE_HEADER, EXPECT_HEADER = "X-Exec-Instance", "X-Exec-Expect-Instance"

log = logging.getLogger("blast")

_OPERATION_ID = re.compile(r"[a-z0-9-]{1,80}")


class SidecarClient:
    """The sidecar at one URL. Trouble of the network is a value, never an exception.

    `instance` is the sidecar instance that an operation was given to: only its own 404 proves that
    the operation has never begun.
    """

    def __init__(
        self, url: str, read_token: Callable[[], str], *, grace: timedelta = GRACE
    ) -> None:
        """`read_token` is called again when a token is refused, as after a rotation.

        Raises ValueError for an address that would carry the token in the clear, without showing
        it.
        """
        try:
            self._address = parse_address(url)
        except ValueError as fault:
            raise ValueError(f"the sidecar's URL is refused: {fault}") from None
        self._read_token = read_token
        self._token: str | None = None
        self._grace = grace

    def run_operation(
        self, operation_id: str, command: Command, wait: timedelta, instance: str | None
    ) -> Result:
        """Start an operation on that instance, or attach to it, and wait a little for its end.

        Untracked: whoever answered has not started it. Another instance refuses it with 412.
        """
        path, body = _path(operation_id), _body(command)
        answer = self._ask("PUT", path, body, headers=_expects(instance))
        started = _operation(answer, instance)
        if not isinstance(started, OperationRunning) or not wait:
            return started or Untracked("the sidecar does not keep the operation that it was given")
        seen = self.get_operation(operation_id, wait, instance)
        if seen is None:
            return Interrupted()
        return started if isinstance(seen, Untracked | HttpRejection | Unreachable) else seen

    def get_operation(
        self, operation_id: str, wait: timedelta = timedelta(0), instance: str | None = None
    ) -> Result | None:
        """An operation as it stands after at most `wait`; None if it has never begun."""
        wait = min(wait, LONGEST_WAIT)
        path = f"{_path(operation_id)}?wait={wait.total_seconds():g}"
        return _operation(self._ask("GET", path, wait=wait), instance)

    def stop_operation(self, operation_id: str, instance: str | None = None) -> Result | None:
        """End an operation and all its processes; None if it has never begun, and never will.

        Another instance is asked nothing: it would remember an operation that was never its own,
        and call it interrupted when asked again. Where none is known, it is looked for first.
        """
        if instance is None:
            seen = self.get_operation(operation_id)
            if not isinstance(seen, OperationRunning):
                return seen
        answer = self._ask("DELETE", _path(operation_id), wait=GRACE, headers=_expects(instance))
        if isinstance(answer, Response) and answer.status == OTHER_INSTANCE:
            return Untracked("412 of another sidecar instance")
        return _operation(answer, instance)

    def exec(self, command: Command) -> Result:
        """Run a command while the connection lasts, as a sidecar without operations does it."""
        wait = min(command.timeout, LONGEST_EXEC)
        return _result(self._ask("POST", "/exec", _body(command), wait=wait))

    def health(self) -> Health | HttpRejection | Unreachable:
        """What the sidecar says of itself. A request without effects has no unknown outcome."""
        answer = self._ask("GET", "/healthz")
        if isinstance(answer, Unreachable):
            return Unreachable(answer.message, request_sent=False)
        if answer.status in NO_OPERATIONS:  # every exec server has this path
            return Unreachable(f"{answer.status} of what is not the sidecar", request_sent=False)
        if answer.status != 200:
            return _without_effect(_refused(answer))
        body = _parsed(answer)
        if not isinstance(body, dict) or body.get("status") != "ok":
            return Unreachable("what answers is not the sidecar", request_sent=False)
        if body.get("waiting") is True:
            waits = "the sidecar waits until another one releases its state folder"
            return Unreachable(waits, request_sent=False)
        slots = body.get("max_concurrency")
        return Health(
            max_concurrency=slots if isinstance(slots, int) else None,
            operations=body.get("operations") is True,
            instance=answer.headers.get(INSTANCE_HEADER.lower()),
        )

    def check_token(self) -> HttpRejection | Unreachable | None:
        """Why the sidecar would run nothing for this token; None if it would. Runs nothing."""
        answer = self._ask("POST", "/exec", b"{}")
        if isinstance(answer, Unreachable):
            return Unreachable(answer.message, request_sent=False)
        refused = _refused(answer)
        if refused.status == BAD_REQUEST and not refused.foreign:
            return None  # the token is checked before the body
        return _without_effect(refused)

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        wait: timedelta = timedelta(0),
        headers: dict[str, str] | None = None,
    ) -> Response | Unreachable:
        """An answer of whatever status; once more if its token is refused and has changed."""
        token = self._token or self._renewed_token()
        answer = self._send(method, path, body, wait, _headers(token, headers))
        if isinstance(answer, Response) and answer.status == UNAUTHORIZED:
            renewed = self._renewed_token()
            if renewed != token:
                return self._send(method, path, body, wait, _headers(renewed, headers))
        return answer

    def _renewed_token(self) -> str | None:
        """The token as it is now; None for one that cannot be read or sent: it is refused."""
        try:
            self._token = _sendable(self._read_token())
        except (OSError, ValueError) as error:
            self._token = None
            log.error("sidecar_token_unreadable error=%s", type(error).__name__)
        return self._token

    def _send(
        self, method: str, path: str, body: bytes | None, wait: timedelta, headers: dict[str, str]
    ) -> Response | Unreachable:
        """An answer of whatever status, which comes within `wait` and the grace."""
        patience = (wait + self._grace).total_seconds()
        try:
            return send_request(self._address, method, path, body, headers, patience)
        except ConnectFailed as error:
            return Unreachable(f"the sidecar cannot be reached: {error}", request_sent=False)
        except OutcomeUnknown as error:
            return Unreachable(f"the sidecar did not answer: {error}", request_sent=True)


def _headers(token: str | None, more: dict[str, str] | None) -> dict[str, str]:
    known = {"X-Exec-Token": token} if token else {}
    return {"Content-Type": "application/json", **known, **(more or {})}


def _expects(instance: str | None) -> dict[str, str]:
    return {EXPECT_HEADER: instance} if instance else {}


def _path(operation_id: str) -> str:
    if not _OPERATION_ID.fullmatch(operation_id):
        raise ValueError(f"an operation's id matches {_OPERATION_ID.pattern}")
    return f"/operations/{operation_id}"


def _sendable(token: str) -> str:
    token = token.strip()
    if not token or not (token.isascii() and token.isprintable()):
        raise ValueError("the sidecar's token is empty, or no header can carry it")
    return token


def _parsed(answer: Response) -> Any:
    """The JSON in an answer, or None: then a success is unreadable."""
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


def _body(command: Command) -> bytes:
    """The same text for the same command: the sidecar compares it."""
    body = {
        "argv": list(command.argv),
        "stdin": command.stdin,
        "timeout_seconds": int(command.timeout.total_seconds()),
    }
    return json.dumps(body, sort_keys=True).encode()


def _read(found: Any) -> Result | None:
    """What an answer of status 200 or 202 says; None for one that says nothing we know."""
    if not isinstance(found, dict):
        return None
    if "state" not in found:
        return _finished(found)
    if found["state"] == "running":
        return OperationRunning(str(found.get("started_at")))
    if found["state"] == "interrupted":
        return Interrupted()
    return _finished(found.get("result")) if found["state"] == "done" else None


def _finished(found: Any) -> Finished | None:
    if not isinstance(found, dict) or "exit_code" not in found:
        return None
    code = found["exit_code"]
    return Finished(
        exit_code=code if isinstance(code, int) and not isinstance(code, bool) else None,
        stdout=str(found.get("stdout") or ""),
        stderr=str(found.get("stderr") or ""),
        timed_out=found.get("timed_out") is True,
        duration=timedelta(milliseconds=_number(found.get("duration_ms"), most=10**9)),
    )


def _operation(answer: Response | Unreachable, instance: str | None) -> Result | None:
    """What an answer proves of an operation that was given to `instance`; None: never begun."""
    if isinstance(answer, Unreachable) or answer.status not in NO_OPERATIONS:
        return _result(answer)
    speaks = answer.headers.get(INSTANCE_HEADER.lower())
    if answer.status == NOT_FOUND and speaks and speaks == instance:
        return None
    who = f"the sidecar instance {speaks}" if speaks else "no sidecar that keeps operations"
    return Untracked(f"{answer.status} of {who}")


def _result(answer: Response | Unreachable) -> Result:
    if isinstance(answer, Unreachable):
        return answer
    if answer.status not in (200, 202):
        return _refused(answer)
    unreadable = Unreachable("the sidecar's answer cannot be read", request_sent=True)
    return _read(_parsed(answer)) or unreadable


def _refused(answer: Response) -> HttpRejection:
    """An answer that is no success. The body of every exec server's has an `error`."""
    found, text = _parsed(answer), answer.body.decode(errors="replace")
    hint: Any = _hint(answer.retry_after)
    speaks = isinstance(found, dict) and isinstance(found.get("error"), str)
    if isinstance(found, dict):
        text = ": ".join(str(found[name]) for name in ("error", "detail") if found.get(name))
        hint = found.get("retry_after_seconds", hint)
    seconds = _number(hint, most=int(LONGEST_HINT.total_seconds()))
    after = timedelta(seconds=seconds) if seconds else None
    return HttpRejection(answer.status, redacted(text)[:LONGEST_MESSAGE], after, foreign=not speaks)


def _without_effect(refused: HttpRejection) -> HttpRejection | Unreachable:
    """The same of a request that runs nothing: what is in between passes, tokens do not."""
    if not refused.foreign or refused.status in (UNAUTHORIZED, FORBIDDEN):
        return refused
    text = f"{refused.status} of what is in front of the sidecar: {refused.message}"
    return Unreachable(text[:LONGEST_MESSAGE], request_sent=False)


def _hint(header: str | None) -> int | None:
    """Seconds; the other form of Retry-After, a date, is not used by any sidecar."""
    return int(header) if header and re.fullmatch("[0-9]{1,9}", header) else None


def _number(value: object, most: int) -> float:
    """A number of JSON from 0 to `most`; whatever is no such number is 0."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < inf:
        return 0
    return min(value, most)
