"""The OpenAPI 3.1 document, made of the operations and of the models that validate and answer."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from triggers.http.error_codes import CODES, EVERYWHERE
from triggers.http.jobs import FALLBACK_KEY_HEADER, KEY_HEADERS, LONGEST_KEY
from triggers.http.openapi.request_bodies import (
    REF,
    Json,
    planned_submission,
    request,
    search,
    submission,
    untitled,
)
from triggers.http.routes import ONE_SEARCH, OPERATIONS, SUBMISSION, Model, Operation
from triggers.schemas.common import Refusal

ABOUT = """\
The control plane of ElasticBLAST on Azure. Every refusal has the one form `Refusal` and its stable
code in the header `x-ms-error-code`. A request that is sent again with the same `Idempotency-Key`,
`Repeatability-Request-ID` or `x-client-request-id` is done once. Times are ISO 8601 in UTC.
Any other method or path is a `Refusal` with 404 `unknown_route`."""
PATH_WORDS = {
    "id": "The job's id",
    "file_id": "The file's id, from the list of results",
    "file": "The name of a file that the page loads",
}
PATH_IDS = {"type": "string", "pattern": "^[A-Za-z0-9-]{1,80}$"}
PATH_SCHEMAS = {"file": {"type": "string", "pattern": r"^[a-z]{1,80}\.(js|css)$"}}
"""Of the parameters in paths that are no ids."""
KEY = {
    **dict.fromkeys(KEY_HEADERS, "Names the request: sent again under it, it is done once"),
    FALLBACK_KEY_HEADER: "Serves as the key where none is given",
}


@cache
def document() -> Json:
    """The whole document. Whoever gets it changes nothing in it."""
    paths = defaultdict[str, Json](dict)
    for operation in OPERATIONS:
        paths[f"/{operation.path}"][operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "ElasticBLAST control plane", "version": "1", "description": ABOUT},
        "servers": [{"url": "/api"}],
        "security": [{"bearer": []}],
        "paths": dict(paths),
        "components": {
            "schemas": _components(),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token of Microsoft Entra ID; none in the local mode",
                }
            },
        },
    }


def _operation(operation: Operation) -> Json:
    shown: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.group],
        "parameters": [*_parameters(operation)],
        "responses": _responses(operation),
    }
    if operation.body:
        content = {"application/json": {"schema": _body(operation)}}
        if operation.form:
            content["multipart/form-data"] = {"schema": _form(operation.form)}
        shown["requestBody"] = {"required": True, "content": content}
    if operation.anonymous:
        shown["security"] = []
    return shown


def _parameters(operation: Operation) -> Iterator[Json]:
    for name, words in PATH_WORDS.items():
        if f"{{{name}}}" in operation.path:
            where = {"name": name, "in": "path", "required": True, "description": words}
            yield {**where, "schema": PATH_SCHEMAS.get(name, PATH_IDS)}
    schema = operation.query.model_json_schema(ref_template=REF) if operation.query else {}
    for name, told in schema.get("properties", {}).items():
        shown = _plain(told)
        needed = name in schema.get("required", ())
        more = {"description": shown.pop("description")} if "description" in shown else {}
        yield {"name": name, "in": "query", "required": needed, **more, "schema": shown}
    headers = dict(KEY) if operation.idempotent else {}
    if operation.ranged:
        headers["Range"] = "One range of bytes, such as `bytes=0-1048575`"
        headers["If-Range"] = "The `ETag` that the part must belong to; else the whole is sent"
    if operation.conditional:
        headers["If-None-Match"] = "The `ETag` of an answer that is known"
    for name, words in headers.items():
        text = {"type": "string", **({"maxLength": LONGEST_KEY} if name in KEY else {})}
        yield {"name": name, "in": "header", "description": words, "schema": text}


def _responses(operation: Operation) -> Json:
    codes = defaultdict[int, list[str]](list)
    for code in (*operation.error_codes, *(() if operation.anonymous else EVERYWHERE)):
        codes[CODES[code][0]].append(code)
    if operation.anonymous and 503 in operation.responses:
        codes[503].append("settings_invalid")
    shown = {status: _answer(operation, status) for status in operation.responses}
    for status, its in codes.items():
        refused = _refused(
            status, its, ["Retry-After"] if operation.retry_after_status == status else []
        )
        if status in shown:
            either = [*map(_ref, _forms(operation, status)), _ref(Refusal)]
            refused["content"] = {"application/json": {"schema": {"anyOf": either}}}
        shown[status] = refused
    return {str(status): shown[status] for status in sorted(shown)}


def _answer(operation: Operation, status: int) -> Json:
    forms = _forms(operation, status)
    headers = ["ETag"] if operation.conditional else []
    if operation.conditional and any(map(_is_model, _forms(operation, 200))):
        headers.append("Retry-After")
    if status in (202, operation.retry_after_status):
        headers = ["Retry-After"]
    if operation.body is SUBMISSION and not operation.in_part:
        headers = ["Location", "Retry-After", "Idempotency-Replayed"]
    if operation.ranged:
        headers = ["Accept-Ranges", "ETag", *(["Content-Range"] if status == 206 else [])]
    shown: Json = {"headers": _headers(*headers)} if headers else {}
    if not forms:
        return {"description": "It has not changed", **shown}
    content = dict(map(_content, forms))
    text = "A part of it" if status == 206 else "As it is"
    words = (forms[-1].__doc__ or "").split("\n")[0] if _is_model(forms[-1]) else text
    return {"description": words, **shown, "content": content}


def _forms(operation: Operation, status: int) -> tuple[Model | str, ...]:
    """The bodies that an answer of that status can have."""
    said = operation.responses[status]
    several = said if isinstance(said, tuple) else (said,)
    return tuple(form for form in several if form is not None)


def _content(form: Model | str) -> tuple[str, Json]:
    """A media type, and what is in it."""
    if not isinstance(form, str):
        return "application/json", {"schema": _ref(form)}
    return form, {"schema": {} if "json" in form else {"type": "string"}}


def _refused(status: int, codes: Sequence[str], headers: Sequence[str]) -> Json:
    words = "; ".join(f"`{code}`: {CODES[code][1]}" for code in codes)
    more = {401: "WWW-Authenticate", 416: "Content-Range", 429: "Retry-After", 503: "Retry-After"}
    names = ["x-ms-error-code", *([more[status]] if status in more else []), *headers]
    content = {"application/json": {"schema": _ref(Refusal)}}
    return {"description": words, "headers": _headers(*names), "content": content}


def _headers(*names: str) -> Json:
    return {name: {"schema": {"type": "string"}} for name in names}


def _body(operation: Operation) -> Json:
    return {"$ref": REF.format(model=_name(operation))}


def _name(operation: Operation) -> str:
    if operation.body is not SUBMISSION:
        return operation.body[0].__name__
    return "PlannedSubmission" if operation.in_part else "Submission"


def _form(name: str) -> Json:
    file = {"type": "string", "contentMediaType": "application/octet-stream"}
    return {"type": "object", "required": [name], "properties": {name: file}}


def _components() -> Json:
    forms = {
        form
        for operation in OPERATIONS
        for status in operation.responses
        for form in _forms(operation, status)
    }
    models = filter(_is_model, forms)
    asked = [(model, "validation") for model in sorted({*models, Refusal}, key=_named)]
    found = models_json_schema(asked, ref_template=REF)[1].get("$defs", {})  # type: ignore[arg-type]
    bodies = {
        _name(operation): request(operation.body)
        for operation in OPERATIONS
        if operation.body and operation.body is not SUBMISSION
    }
    shown = {name: _shape(schema) for name, schema in found.items()}
    submissions = {
        "OneOfSeveral": search(ONE_SEARCH),
        "PlannedSubmission": planned_submission(),
        "Submission": submission(),
    }
    return dict(sorted({**shown, **bodies, **submissions}.items()))


def _shape(schema: Json) -> Json:
    """The schema of an answer: what has no value is left out, and never null."""
    shape: Json = untitled(schema)
    needed = shape.get("required", ())
    for name, told in shape.get("properties", {}).items():
        if name not in needed:
            shape["properties"][name] = _plain(told)
    return shape


def _plain(told: Json) -> Json:
    """Without null, and without a default that says no more than that."""
    told = untitled(told)
    kinds = [one for one in told.pop("anyOf", ()) if one != {"type": "null"}]
    if told.get("default", "") is None:
        del told["default"]
    return {**told, **(kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {})}


def _ref(model: object) -> Json:
    return {"$ref": REF.format(model=_named(model))}


def _named(model: object) -> str:
    return model.__name__ if isinstance(model, type) else str(model)


def _is_model(model: object) -> bool:
    return isinstance(model, type) and issubclass(model, BaseModel)
