"""The page at /api/ui: index.html, and the modules and the style that it loads, from `ui/`.

The files hold no data, so the routes need no token. Only names in a listing of the folder are
served; a path is never made from a request. The listing is read at the first request and kept, the
content is read on each request.
"""

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from azure.functions import HttpRequest, HttpResponse

from shared.errors import NotFound
from shared.util.threads import in_thread
from triggers.http.etag import matches
from triggers.http.responses import HEADERS, handle_errors

FOLDER = Path(__file__).parents[3] / "ui"
"""In the app's folder, on Azure too."""
INDEX = FOLDER / "index.html"
MEDIA_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
LOADED = {".js", ".css"}
"""Suffixes of what the index loads. Its addresses are relative to /api/ui."""
MAX_NAME_SHOWN = 80
"""Characters of an unknown name that the error message repeats."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Scripts and styles come from the app alone, and strings never become markup or code."""
PAGE_HEADERS = HEADERS | {
    # Browsers keep a copy and ask each time whether it is still current.
    "Cache-Control": "no-cache",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}


@handle_errors
async def ui(req: HttpRequest) -> HttpResponse:
    """GET /api/ui. With a slash at the end it redirects, because addresses are relative."""
    if urlsplit(req.url).path.endswith("/"):
        return HttpResponse(status_code=308, headers=PAGE_HEADERS | {"Location": "../ui"})
    return await _file_response(req, INDEX)


@handle_errors
async def ui_file(req: HttpRequest) -> HttpResponse:
    """GET /api/ui/{file}. Raises NotFound for a name that is not in the listing."""
    name = req.route_params.get("file") or ""
    path = (await in_thread(list_files)).get(name)
    if path is None:
        raise NotFound("not_found", f"the page has no file {name[:MAX_NAME_SHOWN]!r}")
    return await _file_response(req, path)


@cache
def list_files() -> Mapping[str, Path]:
    """The files that the index loads, by name."""
    files = (path for path in FOLDER.iterdir() if path.is_file() and path.suffix in LOADED)
    return MappingProxyType({path.name: path for path in files})


async def _file_response(req: HttpRequest, path: Path) -> HttpResponse:
    """The file with its ETag; 304 without a body where the request names that ETag."""
    content = await in_thread(path.read_bytes)
    etag = f'"{sha256(content).hexdigest()[:32]}"'
    headers = PAGE_HEADERS | {"ETag": etag}
    media_type = MEDIA_TYPES[path.suffix]
    if matches(req.headers.get("if-none-match", ""), etag):
        return HttpResponse(status_code=304, headers=headers, mimetype=media_type)
    return HttpResponse(content, headers=headers, mimetype=media_type, charset="utf-8")
