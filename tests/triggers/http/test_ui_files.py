"""GET /api/ui and /api/ui/{file}: the page's files over HTTP, from a fixed listing."""

import json

import pytest

from tests.triggers.http.conftest import RunningApp
from triggers.http.pages import ui
from triggers.http.pages.ui import FOLDER

TYPES = {"": "text/html", "/main.js": "text/javascript", "/style.css": "text/css"}
FILES = {"": "index.html", "/main.js": "main.js", "/style.css": "style.css"}


@pytest.mark.parametrize("part", FILES)
def test_a_file_is_served_with_its_type_and_headers(running_app: RunningApp, part: str) -> None:
    answer = running_app.ask("GET", f"ui{part}")
    assert (answer.status, answer.data) == (200, (FOLDER / FILES[part]).read_bytes())
    assert answer.headers["Content-Type"] == f"{TYPES[part]}; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Content-Security-Policy"] == ui.POLICY


@pytest.mark.parametrize("part", FILES)
def test_a_file_that_the_browser_has_is_answered_304(running_app: RunningApp, part: str) -> None:
    etag = running_app.ask("GET", f"ui{part}").headers["ETag"]
    for known in (etag, f'"other", W/{etag}', "*"):
        answer = running_app.ask("GET", f"ui{part}", if_none_match=known)
        assert (answer.status, answer.data, answer.headers["ETag"]) == (304, b"", etag)
        assert answer.headers["Cache-Control"] == "no-cache"
    assert running_app.ask("GET", f"ui{part}", if_none_match='"other"').status == 200


def test_each_file_has_an_etag_of_its_own(running_app: RunningApp) -> None:
    names = ["", *(f"/{name}" for name in ui.list_files())]
    etags = {running_app.ask("GET", f"ui{name}").headers["ETag"] for name in names}
    assert len(etags) == len(names) == len([*FOLDER.iterdir()])


@pytest.mark.parametrize(
    "name",
    [
        *("none.js", "MAIN.JS", "main", "main.js.", "%2e%2e", "main.js%00", "%00", "index.html"),
        *("..%2ffunction_app.py", "%2e%2e%2fhost.json", "..%5chost.json", "%2fetc%2fpasswd"),
        *("x" * 500, "%f0%9f%92%a5.js"),
    ],
)
def test_a_name_outside_the_listing_is_not_found(running_app: RunningApp, name: str) -> None:
    answer = running_app.ask("GET", f"ui/{name}")
    body = json.loads(answer.data)
    assert answer.status == 404
    assert body["detail"]["code"] in ("not_found", "unknown_route")
    assert len(answer.data) < 1000
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["ui/../host.json", "ui/a/main.js", "ui/ui/main.js"])
def test_a_path_below_the_files_is_an_unknown_route(running_app: RunningApp, path: str) -> None:
    answer = running_app.ask("GET", path)
    assert (answer.status, answer.headers["x-ms-error-code"]) == (404, "unknown_route")


def test_a_slash_at_the_end_leads_to_the_page(running_app: RunningApp) -> None:
    answer = running_app.ask("GET", "ui/")
    assert (answer.status, answer.headers["Location"]) == (308, "../ui")


def test_the_policy_lets_only_the_apps_own_scripts_and_styles_run() -> None:
    assert ui.POLICY.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in ui.POLICY
    assert "require-trusted-types-for 'script'; trusted-types 'none'" in ui.POLICY
