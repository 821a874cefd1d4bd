"""Who may ask this host anything: programs and pages of this machine, and nobody else.

The host listens on loopback and asks for no keys, but a browser on this machine also sends what a
page from elsewhere tells it to: a form to 127.0.0.1, or, once that page's own name is resolved to
127.0.0.1 (DNS rebinding), any request at all. Such requests name themselves: by their Host, by
their Origin, or, where a browser sends no Origin, by Sec-Fetch-Site.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError
from multidict import CIMultiDictProxy

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_UNREADABLE = (HttpProcessingError, RequestPayloadError)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def only_from_this_machine(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer 403 to what does not come from this machine, before anything else is done."""
    if not set(hosts_of(request.headers)) <= LOOPBACK:
        text = "this host answers only programs and pages of this machine, by a loopback name"
        return web.json_response({"Message": text}, status=403)
    return await handler(request)


def hosts_of(headers: CIMultiDictProxy[str]) -> Iterator[str]:
    """The host that is asked, and each that the request comes from or through.

    What cannot be read, or is not said where it must be, is the host "".
    """
    for name in headers.getall("Host", [""]):
        yield _host(f"//{name}")
    for origin in headers.getall("Origin", []):
        yield _host(origin)
    if "Origin" not in headers and headers.get("Sec-Fetch-Site") == "cross-site":
        yield _host(headers.get("Referer", ""))
    for chain in headers.getall("X-Forwarded-For", []):
        for address in chain.split(","):
            yield _forwarder(address.strip())


def _forwarder(address: str) -> str:
    """`127.0.0.1`, `127.0.0.1:1234`, `::1` or `[::1]:1234` without its port."""
    return address if address in LOOPBACK else _host(f"//{address}")


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def quiet_logger() -> logging.Logger:
    """Where the HTTP server logs: faults of ours whole, and nothing of a request's own text."""
    found = logging.getLogger("host.http")
    found.addFilter(_without_request)
    return found


def _without_request(record: logging.LogRecord) -> bool:
    """Let a record pass; aiohttp quotes headers that it cannot read, and a token may be in them."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, _UNREADABLE):
        record.msg = "a request that cannot be read was refused: %s"
        record.args, record.exc_info, record.exc_text = (type(error).__name__,), None, None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True
