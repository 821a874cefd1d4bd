"""HTTP handler of /api/Blast.cgi: its commands, and its errors in the form that clients show."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from azure.functions import HttpRequest, HttpResponse

from shared.contracts.job import Caller
from shared.errors import (
    ControlPlaneError,
    Fault,
    Invalid,
    NotAllowed,
    NotFound,
    NotSignedIn,
    PermanentError,
)
from shared.settings import AuthMode
from shared.url_api import pages
from shared.url_api.names import UrlCommand, unusable
from shared.url_api.request import read_parameters
from shared.url_api.rid import job_id_of
from shared.util.redaction import redacted
from shared.util.threads import in_thread
from triggers.auth.callers import refuse_other_sites
from triggers.durable_client import DurableClient
from triggers.http.job_deletion import stop_and_delete
from triggers.http.jobs import visible_job
from triggers.http.pages import ui
from triggers.http.responses import error_response, handle_errors
from triggers.http.services import HttpServices
from triggers.submission.database_catalog import LIST_TTL
from triggers.url_api.put import put
from triggers.url_api.results import get
from triggers.url_api.views import html

ROUTE, NAME = "Blast.cgi", "url_api"
METHODS = ("GET", "POST", "PUT")
"""R's scripts send CMD=Put by PUT."""
CHALLENGE = 'Basic realm="An access token is the password"'
"""The one way in which Biopython can sign in."""


@handle_errors
async def url_api(services: HttpServices, req: HttpRequest, client: DurableClient) -> HttpResponse:
    """GET, POST and PUT /api/Blast.cgi"""
    command = None
    try:
        refuse_other_sites(req)
        caller = await services.authenticate(req, with_basic=True)
        content_type = req.headers.get("content-type", "")
        # In a thread, as reading a large form takes long.
        parameters = await in_thread(
            read_parameters, urlsplit(req.url).query, req.get_body(), content_type
        )
        command = _command(parameters)
        match command:
            case UrlCommand.PUT:
                return await put(services, client, caller, parameters)
            case UrlCommand.GET:
                return await get(services, caller, parameters)
            case UrlCommand.DELETE:
                return await _delete(services, client, caller, parameters)
            case UrlCommand.INFO:
                return await _info(services, parameters)
            case UrlCommand.WEB:
                _require_only((), parameters, "Web")
                return await ui.ui(req=req)
    except ControlPlaneError as error:
        is_entra = services.clients.settings.auth_mode is AuthMode.ENTRA
        return _refusal(error, command, is_entra)


def _command(parameters: Mapping[str, str]) -> UrlCommand:
    """The value of CMD; without any parameter, the page. Raises Invalid."""
    if not parameters:
        return UrlCommand.WEB
    word = parameters.get("CMD", "").strip().lower()
    if word not in set(UrlCommand):
        raise Invalid([Fault("CMD", "must be Put, Get, Delete, Info or Web")])
    return UrlCommand(word)


async def _delete(
    services: HttpServices, client: DurableClient, caller: Caller, parameters: Mapping[str, str]
) -> HttpResponse:
    """CMD=Delete: delete a search; one that runs is cancelled first."""
    rid = _require_only(("RID",), parameters, "Delete").get("RID", "").strip()
    job_id = job_id_of(rid)
    if job_id is None:
        raise NotFound("not_found", f"there is no request {rid[:80]}")
    job = await visible_job(services, job_id, caller)
    if await stop_and_delete(services, client, job):
        return html(pages.message(f"Request {rid} is deleted."))
    return html(pages.message(f"Request {rid} is being cancelled; then it is deleted."))


async def _info(services: HttpServices, parameters: Mapping[str, str]) -> HttpResponse:
    """CMD=Info: the databases that can be searched."""
    _require_only((), parameters, "Info")
    listed = (await services.databases.get_fresh(LIST_TTL)).value
    rows = ((f"{each.container}/{each.prefix}/{each.name}", each.type, each) for each in listed)
    return html(
        pages.databases((name, kind, each.title or "") for name, kind, each in rows if each.ready)
    )


def _require_only(
    required: tuple[str, ...], parameters: Mapping[str, str], cmd: str
) -> Mapping[str, str]:
    """The parameters. Raises Invalid if there are others, or one is missing."""
    faults = [*unusable(parameters, frozenset(required), cmd)]
    faults += [Fault(name, "is required") for name in required if name not in parameters]
    if faults:
        raise Invalid(faults)
    return parameters


def _refusal(error: ControlPlaneError, command: UrlCommand | None, is_entra: bool) -> HttpResponse:
    """The response to an error.

    A refused CMD=Put has the status 200: Biopython shows its user the words of no other one.
    """
    response = error_response(error)
    is_signed_in = not isinstance(error, NotSignedIn | NotAllowed)
    is_shown = command is UrlCommand.PUT and isinstance(error, PermanentError) and is_signed_in
    if isinstance(error, NotSignedIn) and is_entra:
        response.headers["WWW-Authenticate"] = CHALLENGE
    faults = error.faults if isinstance(error, Invalid) else ()
    messages = [f"{fault.path}: {fault.message}" for fault in faults] or [str(error)]
    text = pages.refused(error.code, map(redacted, messages))
    return html(text, 200 if is_shown else response.status_code, response.headers)
