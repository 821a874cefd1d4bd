"""One blob from or to storage, for containers: the SDK takes longer to import than they live."""

from urllib.parse import unquote, urlsplit

import urllib3

from local.elastic_blast.world import Environment

TIMEOUT = urllib3.Timeout(connect=5, read=60)
RETRIES = urllib3.Retry(3, backoff_factor=0.2, status_forcelist=(500, 503), allowed_methods=None)
"""Both verbs below may be said twice."""


class NotOurs(ValueError):
    """The URL names no blob of this world's account."""


class TransferFailed(Exception):
    """Storage refused."""


def fetch(world: Environment, url: str) -> bytes | None:
    """The blob's bytes, or None where there is no blob. Raises NotOurs or TransferFailed."""
    answer = _ask("GET", world, url)
    return None if answer.status == 404 else _good(answer).data


def put(world: Environment, url: str, data: bytes) -> None:
    """Write the blob, whether it exists or not. Raises NotOurs or TransferFailed."""
    _good(_ask("PUT", world, url, {"x-ms-blob-type": "BlockBlob"}, data))


def place_of(account: str, url: str) -> tuple[str, str]:
    """The container and the path that the URL of a blob, or of a prefix, names. Raises NotOurs."""
    parts = urlsplit(url)
    container, _, path = unquote(parts.path).lstrip("/").partition("/")
    ours = parts.scheme == "https" and parts.netloc.startswith(f"{account}.blob.")
    if not (ours and container and path) or parts.query or parts.fragment:
        raise NotOurs(f"{url} is no blob of the account {account}")
    return container, path


def _ask(
    method: str,
    world: Environment,
    url: str,
    headers: dict[str, str] | None = None,
    data: bytes | None = None,
) -> urllib3.BaseHTTPResponse:
    place_of(world.account, url)
    address = f"{world.blob_endpoint}{urlsplit(url).path}?{world.signature}"
    http = urllib3.PoolManager(timeout=TIMEOUT, retries=RETRIES)
    return http.request(method, address, headers=headers, body=data)


def _good(answer: urllib3.BaseHTTPResponse) -> urllib3.BaseHTTPResponse:
    if answer.status >= 300:
        raise TransferFailed(f"storage answered {answer.status}: {answer.reason}")
    return answer
