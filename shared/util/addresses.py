"""Base URLs of servers that get secrets of the app: tokens, and commands to run."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_PRINTABLE = re.compile(r"[!-~]+")
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


@dataclass(frozen=True)
class Address:
    """A server that secrets may be sent to: over https, or on the loopback interface."""

    host: str
    port: int | None
    path: str
    tls: bool


def parse_address(url: str) -> Address:
    """Parse a base URL. Raises ValueError, without quoting the URL, if it would expose a secret or
    if no request can be sent to it.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("the address is malformed") from None
    safe = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    if not host or not safe:
        raise ValueError("the address must be https, except on loopback")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("the address must have no user, query or fragment")
    if not _PRINTABLE.fullmatch(url) or not _is_host(host):
        raise ValueError("the address is malformed")
    return Address(host, port, parts.path.rstrip("/"), parts.scheme == "https")


def _is_host(text: str) -> bool:
    """Whether the text is a DNS name or an IP address. Python's resolver raises for some others."""
    return _is_ip(text) or all(map(_LABEL.fullmatch, text.removesuffix(".").split(".")))


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return ipaddress.ip_address(host).is_loopback if _is_ip(host) else host == "localhost"
