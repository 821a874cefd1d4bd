"""Request bodies in the OpenAPI document, generated from the models that validate them."""

from collections.abc import Sequence
from typing import Any

from pydantic import AliasChoices

from triggers.http.operation import Model
from triggers.http.routes import SUBMISSION
from triggers.submission.parse import MAX_SEARCHES

Json = dict[str, Any]
REF = "#/components/schemas/{model}"
SOURCES = (("query_data", "query_fasta"), ("query_blob_url", "query_file"))
"""The names of the fields that give a query; exactly one field is required."""


def planned_submission_schema() -> Json:
    """Return the schema of a submission without required fields, with all aliases."""
    schema = search_schema(SUBMISSION)
    schema["properties"]["searches"] = {
        "description": "A batch; the fields of each search override the fields beside `searches`",
        "anyOf": [
            {
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_SEARCHES,
                "items": {"$ref": REF.format(model="BatchItem")},
            },
            {"type": "null"},
        ],
    }
    return schema


def submission_schema() -> Json:
    """Return the schema of a submission: program, database and query, or `searches`, required."""
    single = {
        "allOf": [
            _any_present("program"),
            _any_present("db", "database"),
            {"oneOf": [_any_present(*names) for names in SOURCES]},
        ]
    }
    items = {"type": "array", "items": {"$ref": REF.format(model="BatchItem")}}
    batch = {"required": ["searches"], "properties": {"searches": items}}
    return {**planned_submission_schema(), "anyOf": [single, batch]}


def _any_present(*names: str) -> Json:
    """Require one of the names with a non-empty text; null and "" count as absent."""
    non_empty = {"type": "string", "minLength": 1}
    choices = [{"required": [name], "properties": {name: non_empty}} for name in names]
    return {"anyOf": choices} if len(choices) > 1 else choices[0]


def search_schema(models: Sequence[Model]) -> Json:
    """Return the schema of a search without required fields: a batch can give them elsewhere."""
    schema = body_schema(models, all_optional=True)
    options = {"type": ["object", "null"], "description": "Can have any of the other fields"}
    schema["properties"]["options"] = options
    return schema


def body_schema(models: Sequence[Model], *, all_optional: bool = False) -> Json:
    """Return one object schema with the fields of several models; optional fields can be null."""
    properties, required = {}, []
    for model in models:
        model_schema = model.model_json_schema(ref_template=REF)
        definitions = model_schema.get("$defs", {})
        for name, field in model.model_fields.items():
            names = _names(name, field.validation_alias)
            schema = without_titles(_inlined(model_schema["properties"][names[0]], definitions))
            if field.is_required() and not all_optional:
                required.append(name)
            elif {"type": "null"} not in schema.get("anyOf", ()):
                schema = {"anyOf": [schema, {"type": "null"}]}
            properties.update(dict.fromkeys(names, schema))
    body: Json = {"type": "object", "properties": properties}
    return {**body, "required": required} if required else body


def _names(name: str, alias: object) -> list[str]:
    return [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else [name]


def without_titles(schema: Any) -> Any:
    """Remove the titles that pydantic generates from names; a property called `title` stays."""
    if isinstance(schema, list):
        return [without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {k: v for k, v in schema.items() if not (k == "title" and isinstance(v, str))}
    return {name: without_titles(value) for name, value in kept.items()}


def _inlined(schema: Json, definitions: Json) -> Json:
    """Replace references to a model's definitions by the definitions."""
    if "$ref" in schema:
        return {**definitions[schema["$ref"].rpartition("/")[2]]}
    if "anyOf" in schema:
        return {**schema, "anyOf": [_inlined(choice, definitions) for choice in schema["anyOf"]]}
    return schema
