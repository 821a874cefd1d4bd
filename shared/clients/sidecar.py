"""The exec sidecar's client: what was asked and what came of it, as values."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from math import inf
from typing import Any

from shared.clients.exchange import Answer, NoAnswer, NotSent, exchange, parse_address
from shared.exec_results import (
    Command,
    Finished,
    Health,
    Interrupted,
    Refused,
    Result,
    Running,
    Unreachable,
)
from shared.redaction import redacted

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
UNAUTHORIZED, NOT_FOUND = 401, 404

_OPERATION_ID = re.compile(r"[a-z0-9-]{1,80}")


class Sidecar:
    """The sidecar at one URL. Trouble of the network is a value, never an exception."""

    def __init__(
        self, url: str, read_token: Callable[[], str], *, grace: timedelta = GRACE
    ) -> None:
        """`read_token` is asked again when a token is refused, as after a rotation.

        Raises ValueError for an address that would carry the token in the clear, and here or
        later for a token that no header can carry; neither is shown.
        """
        try:
            self._address = parse_address(url)
        except ValueError as fault:
            raise ValueError(f"the sidecar's URL is refused: {fault}") from None
        self._read_token = read_token
        self._token = _sendable(read_token())
        self._grace = grace
        self._operations: bool | None = None

    def run_operation(self, operation_id: str, command: Command, wait: timedelta) -> Result:
        """Start an operation, or attach to it, and wait a little for its end.

        A sidecar that has no operations runs the command at once. While it cannot be learned
        which it is, nothing is started.
        """
        path = _path(operation_id)
        if trouble := self._learn():
            return trouble
        if not self._operations:
            return self.exec(command)
        begun = self._result("PUT", path, _body(command))
        if isinstance(begun, Refused) and begun.status == NOT_FOUND:
            return self._run_elsewhere(command, begun)
        if not isinstance(begun, Running) or not wait:
            return begun
        seen = self.look(operation_id, wait)
        if seen is None:
            return Interrupted()
        return begun if isinstance(seen, Refused | Unreachable) else seen

    def look(self, operation_id: str, wait: timedelta = timedelta(0)) -> Result | None:
        """An operation as it stands after at most `wait`, without starting it; None if unknown."""
        wait = min(wait, LONGEST_WAIT)
        path = f"{_path(operation_id)}?wait={wait.total_seconds():g}"
        return _unless_unknown(self._result("GET", path, wait=wait))

    def stop_operation(self, operation_id: str) -> Result | None:
        """End an operation and all its processes; None if it was never known."""
        return _unless_unknown(self._result("DELETE", _path(operation_id), wait=GRACE))

    def exec(self, command: Command) -> Result:
        """Run a command while the connection lasts, as a sidecar without operations does it."""
        return self._result(
            "POST", "/exec", _body(command), wait=min(command.timeout, LONGEST_EXEC)
        )

    def has_operations(self) -> bool | Refused | Unreachable:
        """Whether it can be asked later about what it runs; what prevented to learn it, if so."""
        return self._learn() or bool(self._operations)

    def health(self) -> Health | Refused | Unreachable:
        """What the sidecar says of itself."""
        answer = self._ask("GET", "/healthz", None, timedelta(0))
        if isinstance(answer, Unreachable):
            return answer
        body = _parsed(answer)
        if answer.status != 200:
            return _refused(answer, body)
        if not isinstance(body, dict) or body.get("status") != "ok":
            return Unreachable("what answers is not the sidecar", sent=True)
        self._operations = body.get("operations") is True
        slots = body.get("max_concurrency")
        return Health(slots if isinstance(slots, int) else None, self._operations)

    def _learn(self) -> Refused | Unreachable | None:
        """Learn once whether the sidecar has operations; what prevented it, if anything did."""
        health = None if self._operations is not None else self.health()
        if isinstance(health, Unreachable):
            return replace(health, sent=False)  # nothing was asked that could have an outcome
        return health if isinstance(health, Refused) else None

    def _run_elsewhere(self, command: Command, refused: Refused) -> Result:
        """A sidecar that had operations and has none now was replaced by an older one."""
        self._operations = None
        trouble = self._learn()
        if trouble or self._operations:
            return trouble or refused
        return self.exec(command)

    def _result(
        self, method: str, path: str, body: bytes | None = None, wait: timedelta = timedelta(0)
    ) -> Result:
        answer = self._ask(method, path, body, wait)
        if isinstance(answer, Answer) and answer.status == UNAUTHORIZED:
            self._token = _sendable(self._read_token())
            answer = self._ask(method, path, body, wait)
        if isinstance(answer, Unreachable):
            return answer
        found = _parsed(answer)
        if answer.status not in (200, 202):
            return _refused(answer, found)
        return _read(found) or Unreachable("the sidecar's answer cannot be read", sent=True)

    def _ask(
        self, method: str, path: str, body: bytes | None, wait: timedelta
    ) -> Answer | Unreachable:
        """An answer of whatever status, which comes within `wait` and the grace."""
        headers = {"X-Exec-Token": self._token, "Content-Type": "application/json"}
        patience = (wait + self._grace).total_seconds()
        try:
            return exchange(self._address, method, path, body, headers, patience)
        except NotSent as error:
            return Unreachable(f"the sidecar cannot be reached: {error}", sent=False)
        except NoAnswer as error:
            return Unreachable(f"the sidecar did not answer: {error}", sent=True)


def _path(operation_id: str) -> str:
    if not _OPERATION_ID.fullmatch(operation_id):
        raise ValueError(f"an operation's id matches {_OPERATION_ID.pattern}")
    return f"/operations/{operation_id}"


def _sendable(token: str) -> str:
    token = token.strip()
    if not token or not (token.isascii() and token.isprintable()):
        raise ValueError("the sidecar's token is empty, or no header can carry it")
    return token


def _parsed(answer: Answer) -> Any:
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
        return Running(str(found.get("started_at")))
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


def _refused(answer: Answer, found: Any) -> Refused:
    said = answer.body.decode(errors="replace")
    hint = _hint(answer.retry_after)
    if isinstance(found, dict):
        said = ": ".join(str(found[name]) for name in ("error", "detail") if found.get(name))
        hint = found.get("retry_after_seconds", hint)
    seconds = _number(hint, most=int(LONGEST_HINT.total_seconds()))
    after = timedelta(seconds=seconds) if seconds else None
    return Refused(answer.status, redacted(said)[:LONGEST_MESSAGE], after)


def _hint(header: str | None) -> int | None:
    """Seconds; the other form of Retry-After, a date, is not used by any sidecar."""
    return int(header) if header and re.fullmatch("[0-9]{1,9}", header) else None


def _number(value: object, most: int) -> float:
    """A number of JSON from 0 to `most`; whatever is no such number is 0."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < inf:
        return 0
    return min(value, most)


def _unless_unknown(result: Result) -> Result | None:
    return None if isinstance(result, Refused) and result.status == NOT_FOUND else result
