"""Rejects requests that do not come from programs or pages of this machine.

The host listens on loopback and asks for no keys. But a browser on this machine also sends
requests on behalf of foreign pages: a form post to 127.0.0.1, or, after DNS rebinding, any
request. Such requests are recognised by their Host, by their Origin, or, where a browser sends no
Origin, by Sec-Fetch-Site.
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
async def loopback_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer 403 to foreign requests before any handler runs."""
    if not set(hosts_of(request.headers)) <= LOOPBACK:
        text = "this host serves only programs and pages of this machine, by a loopback name"
        return web.json_response({"Message": text}, status=403)
    return await handler(request)


def hosts_of(headers: CIMultiDictProxy[str]) -> Iterator[str]:
    """The requested host, and each host that the request comes from or passed through.

    A value that cannot be parsed, or a required one that is missing, gives the host "".
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
    """The HTTP server's logger: full tracebacks of our errors, no text of a request."""
    logger = logging.getLogger("host.http")
    logger.addFilter(_without_request)
    return logger


def _without_request(record: logging.LogRecord) -> bool:
    """Remove the exception from parser errors: aiohttp quotes headers, which can hold a token."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, _UNREADABLE):
        record.msg = "malformed request refused: %s"
        record.args, record.exc_info, record.exc_text = (type(error).__name__,), None, None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True
