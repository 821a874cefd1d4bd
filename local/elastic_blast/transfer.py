"""Downloads and uploads single blobs for containers, which do without the SDK's slow import."""

from urllib.parse import unquote, urlsplit

import urllib3

from local.elastic_blast.environment import Environment

TIMEOUT = urllib3.Timeout(connect=5, read=60)
RETRIES = urllib3.Retry(3, backoff_factor=0.2, status_forcelist=(500, 503), allowed_methods=None)
"""Both methods are idempotent."""


class ForeignUrl(ValueError):
    """The URL is not a blob of the environment's account."""


class TransferFailed(Exception):
    """Storage rejected the request."""


def fetch(environment: Environment, url: str) -> bytes | None:
    """The blob's bytes, or None if it does not exist. Raises ForeignUrl or TransferFailed."""
    response = _request("GET", environment, url)
    return None if response.status == 404 else _checked(response).data


def put(environment: Environment, url: str, data: bytes) -> None:
    """Create or replace the blob. Raises ForeignUrl or TransferFailed."""
    _checked(_request("PUT", environment, url, {"x-ms-blob-type": "BlockBlob"}, data))


def parse_blob_url(account: str, url: str) -> tuple[str, str]:
    """Container and path of a blob URL or prefix. Raises ForeignUrl."""
    parts = urlsplit(url)
    container, _, path = unquote(parts.path).lstrip("/").partition("/")
    is_account_url = parts.scheme == "https" and parts.netloc.startswith(f"{account}.blob.")
    if not (is_account_url and container and path) or parts.query or parts.fragment:
        raise ForeignUrl(f"{url} is not a blob of the account {account}")
    return container, path


def _request(
    method: str,
    environment: Environment,
    url: str,
    headers: dict[str, str] | None = None,
    data: bytes | None = None,
) -> urllib3.BaseHTTPResponse:
    parse_blob_url(environment.account, url)
    signed_url = f"{environment.blob_endpoint}{urlsplit(url).path}?{environment.signature}"
    http = urllib3.PoolManager(timeout=TIMEOUT, retries=RETRIES)
    return http.request(method, signed_url, headers=headers, body=data)


def _checked(response: urllib3.BaseHTTPResponse) -> urllib3.BaseHTTPResponse:
    if response.status >= 300:
        raise TransferFailed(f"storage returned {response.status}: {response.reason}")
    return response
