"""HTTP handlers of templates: values of the dashboard's form, saved for their owner."""

import hashlib
import json
import logging
import re
import uuid
from datetime import datetime
from typing import Annotated, Any, TypeVar

from azure.functions import HttpRequest, HttpResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.contracts.job import Caller
from shared.contracts.storage_urls import DEAD_LETTERS
from shared.contracts.validation import faults_of
from shared.errors import Fault, Invalid, NotFound, TooLarge
from shared.util.parallel import parallel_map
from triggers.http.responses import handle_errors, json_response
from triggers.http.services import HttpServices
from triggers.schemas.dashboard import TemplateDeleted, Templates, TemplateView
from triggers.submission.json_body import json_object

log = logging.getLogger("blast")
MAX_TEMPLATES = 100
"""Of one caller."""
MAX_BYTES = 32 * 1024
"""Of the fields of one template, as JSON."""
MAX_BODY_BYTES = 8 * MAX_BYTES
"""Of a request, which can be indented and escaped."""
MAX_DEPTH = 20
"""Of values within values: the form's have two."""
PARALLEL_READS = 8
_ID = re.compile(r"[0-9a-f]{32}")
QUERY_FIELDS = ("query_data", "query_fasta")
Model = TypeVar("Model", bound=BaseModel)
Name = Annotated[str, Field(min_length=1, max_length=80)]


class TemplateFields(BaseModel):
    """A new template."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    name: Name
    fields: dict[str, Any] = Field(description="Values of the form, without the query")


class TemplateChanges(BaseModel):
    """What changes of a template."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    name: Name | None = None
    fields: dict[str, Any] | None = None


@handle_errors
async def list_templates(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/blast/templates"""
    caller = await services.authenticate(req)
    templates = await _read_all(services, caller)
    return json_response(Templates(templates=sorted(templates, key=lambda each: each.name)))


@handle_errors
async def create_template(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """POST /api/blast/templates"""
    caller = await services.authenticate(req)
    new = _parse(req, TemplateFields)
    if len(await services.clients.blobs.list(_folder(services, caller))) >= MAX_TEMPLATES:
        raise Invalid([Fault("name", f"you have {MAX_TEMPLATES} templates: delete one")])
    now = services.clients.now()
    return json_response(
        await _write(services, caller, uuid.uuid4().hex, new.name, new.fields, now)
    )


@handle_errors
async def change_template(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """PUT /api/blast/templates/{template}"""
    caller, template_id = await services.authenticate(req), req.route_params["template"]
    changes = _parse(req, TemplateChanges)
    known = await _read(services, _url(services, caller, template_id))
    if known is None:
        raise NotFound("not_found", f"there is no template {template_id}")
    name = changes.name or known.name
    fields = known.fields if changes.fields is None else changes.fields
    return json_response(
        await _write(services, caller, template_id, name, fields, known.created_at)
    )


@handle_errors
async def delete_template(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """DELETE /api/blast/templates/{template}"""
    caller = await services.authenticate(req)
    url = _url(services, caller, req.route_params["template"])
    is_known = await services.clients.blobs.exists(url)
    await services.clients.blobs.delete(url)
    return json_response(TemplateDeleted(deleted=is_known))


def _parse(req: HttpRequest, model: type[Model]) -> Model:
    """The body. Raises Malformed, TooLarge and Invalid: also for a query, which a template must
    not keep."""
    data = req.get_body()
    if len(data) > MAX_BODY_BYTES:
        text = f"the body has {len(data):,} bytes, the limit is {MAX_BODY_BYTES:,}"
        raise TooLarge("body_too_large", text)
    body = json_object(data)
    fields = body.get("fields")
    faults = []
    if isinstance(fields, dict):
        faults += [
            Fault(f"fields.{name}", "a template keeps no query: leave it out")
            for name in QUERY_FIELDS
            if fields.get(name)
        ]
        if _is_deeper(fields, MAX_DEPTH):
            faults.append(Fault("fields", f"has more than {MAX_DEPTH} values within each other"))
        elif len(json.dumps(fields)) > MAX_BYTES:
            faults.append(Fault("fields", f"has more than {MAX_BYTES:,} bytes"))
        elif _has_surrogate(fields):
            faults.append(Fault("fields", "has half of a character (a lone surrogate)"))
    try:
        parsed = model.model_validate(body)
    except ValidationError as error:
        raise Invalid([*faults_of(error), *faults]) from error
    if faults:
        raise Invalid(faults)
    return parsed


def _has_surrogate(fields: dict[str, Any]) -> bool:
    try:
        json.dumps(fields, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _is_deeper(value: object, most: int) -> bool:
    """Whether lists and objects are within each other more than `most` times."""
    level = [value]
    for _ in range(most + 1):
        nested = [each for each in level if isinstance(each, dict | list)]
        level = [i for each in nested for i in (each.values() if isinstance(each, dict) else each)]
    return any(isinstance(each, dict | list) for each in level)


async def _write(
    services: HttpServices,
    caller: Caller,
    template_id: str,
    name: str,
    fields: dict[str, Any],
    created_at: datetime,
) -> TemplateView:
    view = TemplateView(
        id=template_id,
        name=name,
        fields=fields,
        created_at=created_at,
        updated_at=services.clients.now(),
    )
    data = view.model_dump_json().encode()
    await services.clients.blobs.put(_url(services, caller, template_id), data)
    return view


async def _read_all(services: HttpServices, caller: Caller) -> list[TemplateView]:
    folder = _folder(services, caller)
    urls = [f"{folder}{blob.name}" for blob in await services.clients.blobs.list(folder)]
    read = await parallel_map(lambda url: _read(services, url), urls, PARALLEL_READS)
    return [template for template in read if template]


async def _read(services: HttpServices, url: str) -> TemplateView | None:
    """None if it is missing or damaged: the others of its owner can still be read."""
    data = await services.clients.blobs.get(url)
    try:
        return TemplateView.model_validate_json(data) if data else None
    except ValidationError:
        log.warning("template_unreadable %s", url.rpartition("/")[2])
        return None


def _url(services: HttpServices, caller: Caller, template_id: str) -> str:
    if not _ID.fullmatch(template_id):
        raise NotFound("not_found", f"there is no template {template_id[:80]}")
    return f"{_folder(services, caller)}{template_id}.json"


def _folder(services: HttpServices, caller: Caller) -> str:
    """The owner's folder, in the container that no request can name."""
    owner = hashlib.sha256(caller.id.encode()).hexdigest()[:32]
    return services.clients.account.url(DEAD_LETTERS, f"templates/{owner}/")
