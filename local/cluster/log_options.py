"""The parameters that choose a part of a log."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from local.cluster.api_errors import bad_request, invalid
from local.cluster.log_times import first_since, rfc3339_nano
from local.cluster.resources import PODS


@dataclass(frozen=True)
class LogOptions:
    """As in a kubelet: the last lines, of these those since a second, of these so many bytes."""

    tail_lines: int | None
    limit_bytes: int | None
    since: datetime | None
    has_times: bool

    @staticmethod
    def parse(request: web.Request, pod: str, now: datetime) -> "LogOptions":
        """Raises ApiError: 400 for what is no number or time, 422 for a value that is not valid."""
        tail_lines = _number(request, pod, "tailLines", 0)
        limit_bytes = _number(request, pod, "limitBytes", 1)
        seconds = _number(request, pod, "sinceSeconds", 1)
        since = _time(request, "sinceTime")
        if since and seconds:
            text = "at most one of `sinceTime` or `sinceSeconds` may be specified"
            raise invalid(PODS, pod, "", f"Forbidden: {text}")
        if seconds:
            since = now - timedelta(seconds=seconds)
        return LogOptions(tail_lines, limit_bytes, since, request.query.get("timestamps") == "true")

    def apply(self, log: bytes, times: list[int]) -> bytes:
        """The chosen part; `times` are those of its lines, in nanoseconds."""
        lines = list(zip(log.splitlines(keepends=True), times, strict=False))
        first = 0 if self.tail_lines is None else max(0, len(lines) - self.tail_lines)
        if self.since:
            first = max(first, first_since(times, self.since.replace(microsecond=0)))
        lines = lines[first:]
        if self.has_times:
            text = b"".join(rfc3339_nano(time).encode() + b" " + line for line, time in lines)
        else:
            text = b"".join(line for line, _ in lines)
        return text[: self.limit_bytes]


def _number(request: web.Request, pod: str, name: str, least: int) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    if not text.lstrip("-").isdecimal():
        raise bad_request(f'{name}: strconv.ParseInt: parsing "{text}": invalid syntax')
    if int(text) < least:
        rule = "must be greater than 0" if least else "must be greater than or equal to 0"
        raise invalid(PODS, pod, name, f"Invalid value: {text}: {rule}")
    return int(text)


def _time(request: web.Request, name: str) -> datetime | None:
    text = request.query.get(name)
    try:
        since = datetime.fromisoformat(text) if text else None
    except ValueError:
        since = None
    if text and (since is None or since.tzinfo is None):
        raise bad_request(f"{name} is not a time of RFC 3339: {text!r}")
    return since
