"""Responses with a blob: whole, or the part that the request's Range names."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from azure.functions import HttpRequest, HttpResponse

from shared.clients.blobs import Blobs, Version
from shared.errors import OutOfRange, TooLarge
from triggers.http.range_header import ByteRange, parse_range
from triggers.http.responses import HEADERS, error_response

MAX_RESPONSE_BYTES = 100 * 1024 * 1024
"""azure-functions holds a whole response in memory."""


@dataclass(frozen=True)
class ServedBlob:
    """A blob, and how it is named for the client."""

    url: str
    version: Version
    filename: str
    mimetype: str


async def blob_response(
    blobs: Blobs, req: HttpRequest, served: ServedBlob, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """The blob as an attachment. Raises TooLarge for a whole blob above MAX_RESPONSE_BYTES."""
    version = served.version
    try:
        byte_range = _requested_range(req, version)
    except OutOfRange as error:
        response = error_response(error)
        response.headers["Content-Range"] = f"bytes */{version.size}"
        return response
    sent = byte_range or ByteRange(0, version.size)
    data = await blobs.read_range(served.url, version, sent.start, sent.end)
    return HttpResponse(
        data,
        headers=_headers(served, byte_range) | dict(headers or {}),
        mimetype=served.mimetype,
        charset="utf-8",
        status_code=206 if byte_range else 200,
    )


def _requested_range(req: HttpRequest, version: Version) -> ByteRange | None:
    """Return the requested range, cut to MAX_RESPONSE_BYTES; None for the whole file.

    Raises OutOfRange, and TooLarge if the whole file exceeds the limit.
    """
    is_unchanged = req.headers.get("if-range", version.etag) == version.etag
    byte_range = parse_range(req.headers.get("range") if is_unchanged else None, version.size)
    if byte_range is not None:
        end = min(byte_range.end, byte_range.start + MAX_RESPONSE_BYTES)
        return ByteRange(byte_range.start, end)
    if version.size > MAX_RESPONSE_BYTES:
        raise TooLarge(
            "file_too_large",
            f"the file has {version.size:,} bytes: request ranges of at most"
            f" {MAX_RESPONSE_BYTES:,} bytes, such as Range: bytes=0-{MAX_RESPONSE_BYTES - 1}",
        )
    return None


def _headers(served: ServedBlob, byte_range: ByteRange | None) -> dict[str, str]:
    filename = quote(served.filename.replace("/", "_"))
    headers = HEADERS | {
        "Content-Disposition": f'attachment; filename="{filename}"',
        "Accept-Ranges": "bytes",
        "ETag": served.version.etag,
    }
    if byte_range:
        last, size = byte_range.end - 1, served.version.size
        headers["Content-Range"] = f"bytes {byte_range.start}-{last}/{size}"
    return headers
