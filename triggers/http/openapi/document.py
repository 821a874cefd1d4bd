"""The OpenAPI 3.1 document, generated from the operations and their request and response models."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from shared.util.version import VERSION
from triggers.http.error_codes import CODES, EVERYWHERE
from triggers.http.jobs import FALLBACK_KEY_HEADER, KEY_HEADERS, MAX_KEY_LENGTH
from triggers.http.openapi.request_bodies import (
    REF,
    Json,
    body_schema,
    planned_submission_schema,
    search_schema,
    submission_schema,
    without_titles,
)
from triggers.http.operation import Model, Operation
from triggers.http.routes import ONE_SEARCH, OPERATIONS, SUBMISSION
from triggers.schemas.common import ErrorResponse

ABOUT = """\
The control plane of ElasticBLAST on Azure. Every error has the body `ErrorResponse`, and its stable
code is also in the header `x-ms-error-code`. A request that is repeated with the same
`Idempotency-Key`, `Repeatability-Request-ID` or `x-client-request-id` is processed once. Times are
ISO 8601 in UTC. Any other method or path returns 404 with the code `unknown_route`."""
PATH_PARAMETERS = {
    "id": "Job id",
    "file_id": "File id, from the list of results",
    "file": "Name of a file that the page loads",
    "accession": "Name of a query's first sequence",
    "template": "Id of a template",
    "token": "The token of a link, from `download_url`",
}
PATH_ID_SCHEMA = {"type": "string", "pattern": "^[A-Za-z0-9-]{1,80}$"}
PATH_SCHEMAS = {
    "file": {"type": "string", "pattern": r"^[a-z]{1,80}\.(js|css)$"},
    "accession": {"type": "string", "pattern": r"^[A-Za-z0-9_.|-]{1,80}$"},
    "token": {"type": "string", "pattern": r"^[A-Za-z0-9_.-]{1,1000}$"},
}
"""Schemas of path parameters that are not ids."""
KEY_DESCRIPTIONS = {
    **dict.fromkeys(
        KEY_HEADERS, "Idempotency key: a request repeated with the same key is processed once"
    ),
    FALLBACK_KEY_HEADER: "The idempotency key of a request that has no other",
}


@cache
def document() -> Json:
    """Return the document. It is cached: callers must not change it."""
    paths = defaultdict[str, Json](dict)
    for operation in OPERATIONS:
        paths[f"/{operation.path}"][operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "ElasticBLAST control plane", "version": VERSION, "description": ABOUT},
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
                    "description": "An access token of Microsoft Entra ID; not in local mode",
                }
            },
        },
    }


def _operation(operation: Operation) -> Json:
    entry: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.group],
        "parameters": [*_parameters(operation)],
        "responses": _responses(operation),
    }
    if operation.body:
        content = {"application/json": {"schema": _request_body(operation)}}
        if operation.form:
            content["multipart/form-data"] = {"schema": _form(operation.form)}
        entry["requestBody"] = {"required": True, "content": content}
    if operation.anonymous:
        entry["security"] = []
    return entry


def _parameters(operation: Operation) -> Iterator[Json]:
    for name, description in PATH_PARAMETERS.items():
        if f"{{{name}}}" in operation.path:
            parameter = {"name": name, "in": "path", "required": True, "description": description}
            yield {**parameter, "schema": PATH_SCHEMAS.get(name, PATH_ID_SCHEMA)}
    query = operation.query.model_json_schema(ref_template=REF) if operation.query else {}
    for name, property_schema in query.get("properties", {}).items():
        schema = _without_null(property_schema)
        is_required = name in query.get("required", ())
        about = {"description": schema.pop("description")} if "description" in schema else {}
        yield {"name": name, "in": "query", "required": is_required, **about, "schema": schema}
    headers = dict(KEY_DESCRIPTIONS) if operation.idempotent else {}
    if operation.ranged:
        headers["Range"] = "One range of bytes, such as `bytes=0-1048575`"
        headers["If-Range"] = "`ETag` of the expected version; another version is sent whole"
    if operation.conditional:
        headers["If-None-Match"] = "`ETag` of an earlier response"
    for name, description in headers.items():
        max_length = {"maxLength": MAX_KEY_LENGTH} if name in KEY_DESCRIPTIONS else {}
        schema = {"type": "string", **max_length}
        yield {"name": name, "in": "header", "description": description, "schema": schema}


def _responses(operation: Operation) -> Json:
    codes = defaultdict[int, list[str]](list)
    for code in (*operation.error_codes, *(() if operation.anonymous else EVERYWHERE)):
        codes[CODES[code][0]].append(code)
    if operation.anonymous and 503 in operation.responses:
        codes[503].append("settings_invalid")
    responses = {status: _success(operation, status) for status in operation.responses}
    for status, status_codes in codes.items():
        retry_after = ["Retry-After"] if operation.retry_after_status == status else []
        error = _error(status, status_codes, retry_after)
        if status in responses:
            choices = [*map(_ref, _bodies(operation, status)), _ref(ErrorResponse)]
            error["content"] = {"application/json": {"schema": {"anyOf": choices}}}
        responses[status] = error
    return {str(status): responses[status] for status in sorted(responses)}


def _success(operation: Operation, status: int) -> Json:
    bodies = _bodies(operation, status)
    headers = ["ETag"] if operation.conditional else []
    if status in (202, operation.retry_after_status) or (
        status == 304 and operation.retry_after_status == 200
    ):
        headers.append("Retry-After")
    if operation.body is SUBMISSION and not operation.is_partial:
        headers = ["Location", "Retry-After", "Idempotency-Replayed"]
    if operation.ranged:
        headers = ["Accept-Ranges", "ETag", *(["Content-Range"] if status == 206 else [])]
    response: Json = {"headers": _headers(*headers)} if headers else {}
    if not bodies:
        return {"description": "Not changed since the `ETag`", **response}
    content = dict(map(_content, bodies))
    text = "The requested range" if status == 206 else "The content"
    body = bodies[-1]
    description = (body.__doc__ or "").split("\n")[0] if _is_model(body) else text
    return {"description": description, **response, "content": content}


def _bodies(operation: Operation, status: int) -> tuple[Model | str, ...]:
    """Return the bodies that a response with this status can have."""
    body = operation.responses[status]
    bodies = body if isinstance(body, tuple) else (body,)
    return tuple(body for body in bodies if body is not None)


def _content(body: Model | str) -> tuple[str, Json]:
    """Return the media type of a body and its entry under `content`."""
    if not isinstance(body, str):
        return "application/json", {"schema": _ref(body)}
    return body, {"schema": {} if "json" in body else {"type": "string"}}


def _error(status: int, codes: Sequence[str], headers: Sequence[str]) -> Json:
    description = "; ".join(f"`{code}`: {CODES[code][1]}" for code in codes)
    more = {401: "WWW-Authenticate", 416: "Content-Range", 429: "Retry-After", 503: "Retry-After"}
    names = ["x-ms-error-code", *([more[status]] if status in more else []), *headers]
    content = {"application/json": {"schema": _ref(ErrorResponse)}}
    return {"description": description, "headers": _headers(*names), "content": content}


def _headers(*names: str) -> Json:
    return {name: {"schema": {"type": "string"}} for name in names}


def _request_body(operation: Operation) -> Json:
    return {"$ref": REF.format(model=_request_body_name(operation))}


def _request_body_name(operation: Operation) -> str:
    if operation.body is not SUBMISSION:
        return operation.body[0].__name__
    return "PlannedSubmission" if operation.is_partial else "Submission"


def _form(name: str) -> Json:
    file = {"type": "string", "contentMediaType": "application/octet-stream"}
    return {"type": "object", "required": [name], "properties": {name: file}}


def _components() -> Json:
    bodies = {
        body
        for operation in OPERATIONS
        for status in operation.responses
        for body in _bodies(operation, status)
    }
    models = sorted({*filter(_is_model, bodies), ErrorResponse}, key=_model_name)
    inputs = [(model, "validation") for model in models]
    definitions = models_json_schema(inputs, ref_template=REF)[1].get("$defs", {})  # type: ignore[arg-type]
    responses = {name: _response_schema(schema) for name, schema in definitions.items()}
    requests = {
        _request_body_name(operation): body_schema(operation.body)
        for operation in OPERATIONS
        if operation.body and operation.body is not SUBMISSION
    }
    submissions = {
        "BatchItem": search_schema(ONE_SEARCH),
        "PlannedSubmission": planned_submission_schema(),
        "Submission": submission_schema(),
    }
    return dict(sorted({**responses, **requests, **submissions}.items()))


def _response_schema(schema: Json) -> Json:
    """Return the schema of a response, in which optional fields are omitted and never null."""
    response: Json = without_titles(schema)
    required = response.get("required", ())
    for name, property_schema in response.get("properties", {}).items():
        if name not in required:
            response["properties"][name] = _without_null(property_schema)
    return response


def _without_null(schema: Json) -> Json:
    """Remove null from a schema, and the default if it is null."""
    schema = without_titles(schema)
    choices = [choice for choice in schema.pop("anyOf", ()) if choice != {"type": "null"}]
    if schema.get("default", "") is None:
        del schema["default"]
    if len(choices) == 1:
        return {**schema, **choices[0]}
    return {**schema, **({"anyOf": choices} if choices else {})}


def _ref(model: object) -> Json:
    return {"$ref": REF.format(model=_model_name(model))}


def _model_name(model: object) -> str:
    return model.__name__ if isinstance(model, type) else str(model)


def _is_model(model: object) -> bool:
    return isinstance(model, type) and issubclass(model, BaseModel)
