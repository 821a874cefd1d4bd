"""Request bodies in the OpenAPI document, made of the models that validate them."""

from collections.abc import Sequence
from typing import Any

from pydantic import AliasChoices

from triggers.http.routes import SUBMISSION, Model
from triggers.submission.parse import MOST_SEARCHES

Json = dict[str, Any]
REF = "#/components/schemas/{model}"
SOURCES = (("query_data", "query_fasta"), ("query_blob_url", "query_file"))
"""Where a query can come from, each under its names: exactly one is needed."""


def planned_submission() -> Json:
    """Everything that a request can say, under all of its names: one search, or several."""
    whole = search(SUBMISSION)
    whole["properties"]["searches"] = {
        "description": "A batch: each is laid over what stands beside them",
        "anyOf": [
            {
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_SEARCHES,
                "items": {"$ref": REF.format(model="OneOfSeveral")},
            },
            {"type": "null"},
        ],
    }
    return whole


def submission() -> Json:
    """The same with what is needed: program, database and query, or several searches."""
    single = {
        "allOf": [
            _said("program"),
            _said("db", "database"),
            {"oneOf": [_said(*names) for names in SOURCES]},
        ]
    }
    several = {"required": ["searches"], "properties": {"searches": {"type": "array"}}}
    return {**planned_submission(), "anyOf": [single, several]}


def _said(*names: str) -> Json:
    """That something is said under one of these names: null and an empty text say nothing."""
    some = {"type": "string", "minLength": 1}
    either = [{"required": [name], "properties": {name: some}} for name in names]
    return {"anyOf": either} if len(either) > 1 else either[0]


def search(parts: Sequence[Model]) -> Json:
    """What can be said of a search, where nothing is needed that may stand elsewhere."""
    whole = request(parts, nothing_needed=True)
    options = {"type": ["object", "null"], "description": "Any of these may stand in here as well"}
    whole["properties"]["options"] = options
    return whole


def request(parts: Sequence[Model], *, nothing_needed: bool = False) -> Json:
    """One object of several models. Null says nothing; an unknown name is ignored."""
    properties, needed = {}, []
    for part in parts:
        schema = part.model_json_schema(ref_template=REF)
        for name, field in part.model_fields.items():
            names = _names(name, field.validation_alias)
            defined = schema.get("$defs", {})
            told = untitled(_inlined(schema["properties"][names[0]], defined))
            if field.is_required() and not nothing_needed:
                needed.append(name)
            elif {"type": "null"} not in told.get("anyOf", ()):
                told = {"anyOf": [told, {"type": "null"}]}
            properties.update(dict.fromkeys(names, told))
    whole: Json = {"type": "object", "properties": properties}
    return {**whole, "required": needed} if needed else whole


def _names(name: str, alias: object) -> list[str]:
    return [str(one) for one in alias.choices] if isinstance(alias, AliasChoices) else [name]


def untitled(schema: Any) -> Any:
    """Without the titles that pydantic makes of names. A property may well be called title."""
    if isinstance(schema, list):
        return [untitled(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {k: v for k, v in schema.items() if not (k == "title" and isinstance(v, str))}
    return {name: untitled(told) for name, told in kept.items()}


def _inlined(told: Json, definitions: Json) -> Json:
    """A field whose type is named elsewhere in its model's schema, told in place."""
    if "$ref" in told:
        return {**definitions[told["$ref"].rpartition("/")[2]]}
    if "anyOf" in told:
        return {**told, "anyOf": [_inlined(one, definitions) for one in told["anyOf"]]}
    return told
