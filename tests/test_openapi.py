"""The OpenAPI document: complete, equal to its copy in docs/, with a self-contained page."""

import json
import re
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from shared.errors import Invalid
from tests.support.samples import settings
from triggers.http.error_codes import CODES
from triggers.http.jobs import FALLBACK_KEY_HEADER, KEY_HEADERS, MAX_KEY_LENGTH
from triggers.http.openapi.document import document
from triggers.http.openapi.handlers import PAGE, document_text
from triggers.http.routes import OPERATIONS, UNKNOWN_ROUTE
from triggers.http.unknown_route import METHODS
from triggers.submission.parse import parse
from triggers.url_api import handler as url_api

ROOT = Path(__file__).parents[1]
PROGRAM = """
import json
import function_app
found = [f.get_trigger() for f in function_app.app.get_functions()]
routes = [[t.route, m.value] for t in found if t.type == "httpTrigger" for m in t.methods]
print(json.dumps(routes))
"""


def test_the_copy_in_docs_equals_the_document() -> None:
    """Regenerate it with: make docs"""
    assert (ROOT / "docs/openapi.json").read_text() == document_text()


def test_documented_and_registered_routes_are_equal() -> None:
    argv = [sys.executable, "-c", PROGRAM]
    completed = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, env={}, timeout=60)
    served = {(route, method) for route, method in json.loads(completed.stdout or completed.stderr)}
    others = {(UNKNOWN_ROUTE, method) for method in METHODS}
    others |= {(url_api.ROUTE, method) for method in url_api.METHODS}
    assert others <= served
    described = {
        (path.removeprefix("/"), method.upper())
        for path, methods in document()["paths"].items()
        for method in methods
    }
    assert served - others == described


def test_every_reference_of_the_document_is_defined() -> None:
    named = set(re.findall(r'"#/components/schemas/(\w+)"', document_text()))
    assert named <= set(document()["components"]["schemas"])
    assert "ValidationError" not in document_text()


def test_only_health_and_static_routes_are_anonymous() -> None:
    is_open = {operation.name for operation in OPERATIONS if operation.anonymous}
    assert is_open == {
        *("health", "ready", "openapi", "docs", "ui", "ui_file"),
        *("open_download_link", "read_log"),  # by a signed ticket
    }
    paths = document()["paths"]
    for operation in OPERATIONS:
        described = paths[f"/{operation.path}"][operation.method.lower()]
        assert ("security" in described) is operation.anonymous


SEARCH = {"program": "blastn", "db": "nt"}
QUERY = {"query_data": ">q\nACGT\n"}
BODIES = [
    (SEARCH | QUERY, True),
    (SEARCH | QUERY | {"query_fasta": QUERY["query_data"]}, True),
    (SEARCH | QUERY | {"query_blob_url": None, "searches": None}, True),
    (SEARCH | {"query_data": None, "query_blob_url": "a.fa", "query_file": None}, True),
    (SEARCH | {"query_data": "", "query_file": "a.fa"}, True),
    ({"program": "blastn", "db": None, "database": "nt", **QUERY}, True),
    (SEARCH | QUERY | {"query_blob_url": "a.fa"}, False),
    (SEARCH | QUERY | {"query_data": None}, False),
    (SEARCH | {"query_data": None, "query_blob_url": None}, False),
    (SEARCH | QUERY | {"db": None}, False),
    (SEARCH | QUERY | {"program": None}, False),
    (QUERY | {"program": None, "db": None, "searches": [SEARCH]}, True),
    ({"searches": None}, False),
]


@pytest.mark.parametrize(("body", "valid"), BODIES)
def test_the_document_accepts_what_the_app_accepts(body: dict[str, Any], valid: bool) -> None:
    schema = {"$ref": "#/components/schemas/Submission", "components": document()["components"]}
    assert jsonschema_rs.is_valid(schema, body) is valid
    with nullcontext() if valid else pytest.raises(Invalid):
        parse(body, settings())


def test_every_idempotency_header_is_documented() -> None:
    for name in ("submit_job", "submit_job_legacy", "retry_job"):
        (operation,) = (operation for operation in OPERATIONS if operation.name == name)
        described = document()["paths"][f"/{operation.path}"][operation.method.lower()][
            "parameters"
        ]
        headers = {
            header["name"]: header["schema"] for header in described if header["in"] == "header"
        }
        assert set(headers) == {*KEY_HEADERS, FALLBACK_KEY_HEADER}
        assert {schema["maxLength"] for schema in headers.values()} == {MAX_KEY_LENGTH}
    assert "Repeatability-Request-ID" in KEY_HEADERS


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_documented(code: str) -> None:
    assert f"| `{code}` |" in (ROOT / "docs/api.md").read_text()


def test_the_docs_page_loads_only_from_the_app() -> None:
    page = PAGE.read_text()
    assert not re.search(r"https?:|src=|@import|url\(", page)
    assert re.findall(r"fetch\((.*?)\)", page) == ['"openapi.json"']
