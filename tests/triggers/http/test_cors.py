"""Pages of other origins: those of the setting, exactly, with a token and without cookies."""

import pytest
from azure.functions import HttpRequest, HttpResponse

from shared.dependencies import Dependencies
from shared.errors import SettingsInvalid
from shared.settings import Settings
from tests.support.samples import ENVIRONMENT, settings
from triggers.http.handlers import handler_of
from triggers.http.routes import UNKNOWN_ROUTE_NAME
from triggers.http.services import HttpServices

PAGE, OTHER = "https://dash.example.org", "https://dash.example.org.evil.org"
LOCAL_PAGE = "http://127.0.0.1:8251"
URL = "http://127.0.0.1:7071/api/blast/jobs"


def services(origins: str = f"{PAGE} {LOCAL_PAGE}") -> HttpServices:
    return HttpServices(Dependencies(lambda: settings(allowed_origins=origins)))


async def ask(
    name: str, origin: str, method: str = "GET", origins: str | None = None, **headers: str
) -> HttpResponse:
    sent = {"origin": origin} | {key.replace("_", "-"): text for key, text in headers.items()}
    req = HttpRequest(method, URL, headers=sent, route_params={"rest": "blast/jobs"}, body=b"")
    made = services() if origins is None else services(origins)
    return await handler_of(name, made)(req=req)


PREFLIGHT = {"access_control_request_method": "DELETE"}


@pytest.mark.parametrize("origin", [PAGE, LOCAL_PAGE])
async def test_a_preflight_of_an_allowed_origin_is_answered_without_a_token(origin: str) -> None:
    answer = await ask(UNKNOWN_ROUTE_NAME, origin, "OPTIONS", **PREFLIGHT)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert "DELETE" in answer.headers["Access-Control-Allow-Methods"]
    for name in ("authorization", "content-type", "x-client-request-id", "idempotency-key"):
        assert name in answer.headers["Access-Control-Allow-Headers"]
    assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    "origin",
    [OTHER, "null", "", "http://dash.example.org", f"{PAGE}:8443", f"{PAGE}/", PAGE.upper()],
)
async def test_another_origin_gets_nothing(origin: str) -> None:
    answer = await ask(UNKNOWN_ROUTE_NAME, origin, "OPTIONS", **PREFLIGHT)
    assert answer.status_code != 204
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Vary"] == "Origin"


async def test_responses_and_errors_can_be_read_by_an_allowed_page() -> None:
    for name, status in (("get_caller", 200), (UNKNOWN_ROUTE_NAME, 404)):
        answer = await ask(name, LOCAL_PAGE)
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == LOCAL_PAGE
        assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
        assert not [name for name in dict(answer.headers) if "credentials" in name.lower()]


async def test_without_the_setting_there_is_no_header() -> None:
    answer = await ask("get_caller", LOCAL_PAGE, origins="")
    assert answer.status_code == 200
    assert not [
        name for name in dict(answer.headers) if name.lower().startswith(("access", "vary"))
    ]


async def test_options_without_a_preflight_needs_a_route() -> None:
    assert (await ask(UNKNOWN_ROUTE_NAME, LOCAL_PAGE, "OPTIONS")).status_code == 404


@pytest.mark.parametrize(
    "text", ["*", "dash.example.org", f"{PAGE}/x", "http://dash.example.org", PAGE.upper()]
)
def test_a_setting_that_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(SettingsInvalid, match="BLAST_ALLOWED_ORIGINS"):
        Settings.read({**ENVIRONMENT, "BLAST_ALLOWED_ORIGINS": text})
