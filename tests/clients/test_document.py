"""The client speaks the API that the OpenAPI document describes, and imports little."""

import ast
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from elastic_blast_client import api, frames

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "clients/python/elastic_blast_client"
DOCUMENT = json.loads((ROOT / "docs/openapi.json").read_text())


def test_the_operations_are_those_of_the_document() -> None:
    for method, path in api.OPERATIONS.values():
        assert method.lower() in DOCUMENT["paths"][f"/{path}"], path


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/blast/jobs", {"limit", "status", "program", "db"}),
        ("/blast/jobs/{id}/children", {"limit", "cursor"}),
        ("/blast/jobs/{id}/results/alignments", {"page", "page_size", "max_evalue"}),
        ("/blast/jobs/{id}/results/export", {"format"}),
    ],
    ids=["list", "children", "hits", "export"],
)
def test_the_parameters_are_those_of_the_document(path: str, names: set[str]) -> None:
    parameters = DOCUMENT["paths"][path]["get"]["parameters"]
    assert names <= {each["name"] for each in parameters if each["in"] == "query"}


def schema_of(method: str, path: str, status: str) -> dict[str, Any]:
    content = DOCUMENT["paths"][path][method]["responses"][status]["content"]
    name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
    schema: dict[str, Any] = DOCUMENT["components"]["schemas"][name]
    return schema


@pytest.mark.parametrize(
    ("method", "path", "status", "required", "optional"),
    [
        ("post", "/blast/jobs", "202", {"job_id", "status", "phase"}, {"meta"}),
        (
            *("get", "/blast/jobs/{id}", "200", {"job_id", "status", "phase", "job_title"}),
            {"error", "reason", "splits_total", "splits_done"},
        ),
        ("get", "/blast/jobs/{id}/results", "200", {"job_id", "files"}, set()),
        ("get", "/blast/jobs/{id}/results/alignments", "200", {"alignments", "pages"}, set()),
        ("get", "/blast/databases", "200", {"databases"}, set()),
        ("post", "/blast/jobs/{id}/cancel", "202", {"status"}, set()),
    ],
    ids=["submit", "read", "results", "hits", "databases", "cancel"],
)
def test_the_fields_that_are_read_are_in_the_document(
    method: str, path: str, status: str, required: set[str], optional: set[str]
) -> None:
    schema = schema_of(method, path, status)
    assert required <= set(schema["required"])
    assert optional <= set(schema["properties"])


def test_the_package_needs_httpx_and_nothing_else() -> None:
    allowed = {"httpx", "elastic_blast_client", "pandas", "polars", *sys.stdlib_module_names}
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names} <= allowed, path


def test_a_dataframe_has_the_columns_of_every_hit() -> None:
    hit = DOCUMENT["components"]["schemas"]["HitView"]
    kinds = {"string": str, "integer": int, "number": float}
    named = {}
    for name in hit["required"]:
        each = hit["properties"][name]
        named[name] = kinds[each.get("type") or each["anyOf"][0]["type"]]
    assert dict(frames.COLUMNS) == named
