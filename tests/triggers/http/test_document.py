"""The app matches the OpenAPI document: every operation gets valid and invalid requests."""

import gzip
import json
import uuid
from dataclasses import replace
from typing import Any, get_args
from urllib.parse import unquote, urlencode

import hypothesis
import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from shared.blast.result_files import MANIFEST, file_id
from shared.contracts.states import Phase
from shared.hits.reports import REPORTS
from tests.support.hit_index import index_hits
from tests.support.samples import job, search
from tests.triggers.http.conftest import RunningApp
from triggers.auth.callers import LOCAL
from triggers.http.error_codes import CODES, EVERYWHERE
from triggers.http.hits.params import ExportQuery
from triggers.http.openapi.document import document
from triggers.http.operation import Operation
from triggers.http.routes import OPERATIONS

SCHEMA = schemathesis.openapi.from_dict(document())
FOUND = {
    one.definition.raw["operationId"]: one
    for one in (SCHEMA.find_operation_by_label(f"{o.method} /{o.path}") for o in OPERATIONS)
    if one
}
HELD_TO: Any = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    ]
)
"""Not that all which the document allows is accepted: it cannot say what FASTA is, or which blob is
there. And not that all else is refused: old clients are understood where they can be."""
LONGEST_QUERY_STRING = 8000
"""Characters. The local host takes 8,190 bytes in the first line of a request."""
HITS = (
    b"# BLASTN\n# Query: q\n# Fields: query id, subject id\n# 1 hits found\nq\ts\n"
    b"# BLAST processed 1 queries\n"
)
RESULT = "batch_000-blastn-16S.out.gz"
PHASES = {"cancel_job": Phase.RUNNING, "retry_job": Phase.SEARCH_FAILED}
ACCEPTABLE = {"program": "blastn", "database": "16S", "query_fasta": ">q\nACGT\n"}


@pytest.mark.parametrize("examples", [3, pytest.param(12, marks=pytest.mark.acceptance)])
@pytest.mark.parametrize("one", OPERATIONS, ids=lambda one: one.name)
async def test_every_response_is_documented(
    one: Operation, examples: int, running_app: RunningApp
) -> None:
    ids = {
        "token": "no-ticket",
        "accession": "NM_000014",
        "template": "0" * 32,
        "id": await known_job(running_app, one.name),
        "file_id": file_id(RESULT),
        "file": "main.js",
    }

    # No shrinking: it would send many more requests.
    @hypothesis.settings(max_examples=examples, phases=[hypothesis.Phase.generate])
    @hypothesis.given(cases(one.name), st.booleans())
    def hold(case: Any, known: bool) -> None:
        if known:
            case.path_parameters = {
                name: value for name, value in ids.items() if f"{{{name}}}" in one.path
            }
            if one.name.startswith("submit") and isinstance(case.body, dict):
                case.body = {**sayable(case.body), **ACCEPTABLE}
        # The host rejects URLs with control characters, and those that are too long.
        hypothesis.assume(
            all(unquote(text).isprintable() for text in case.path_parameters.values())
            and len(urlencode(case.query or {}, doseq=True)) < LONGEST_QUERY_STRING
        )
        answer = case.call(base_url=f"{running_app.url}/api")
        case.validate_response(answer, checks=HELD_TO)
        if answer.status_code >= 400:
            hold_refusal(one, answer.status_code, answer.headers, answer.json())

    hold()


EXPORT_FORMATS = get_args(ExportQuery.model_fields["format"].annotation)
RESULTS = [
    ("read_result", {}, {}, 200),
    ("read_result", {}, {"Range": "bytes=1-3"}, 206),
    ("read_result", {}, {"Range": "bytes=9999-"}, 416),
    ("aggregate_hits", {}, {}, 200),
    ("list_alignments", {"max_alignments": 1, "query_id": "q"}, {}, 200),
    ("list_alignments", {"page": 2, "page_size": 1, "sort_by": "bitscore"}, {}, 200),
    ("list_organisms", {"include_lineage": "true"}, {}, 200),
    ("list_queries", {"hits": "none"}, {}, 200),
    ("list_queries", {"min_query_cover": 50, "max_query_cover": 75.5}, {}, 200),
    ("read_coverage", {}, {}, 200),
    ("list_coordinates", {"min_identity": 50}, {}, 200),
    *(("export_hits", {"format": f}, {}, 409 if f in REPORTS else 200) for f in EXPORT_FORMATS),
    ("export_hits", {"format": "csv"}, {"Range": "bytes=1-3"}, 206),
    ("export_hits", {"format": "csv"}, {"Range": "bytes=9999999-"}, 416),
    ("list_results", {}, {}, 200),
    ("get_caller", {}, {}, 200),
]


@pytest.mark.parametrize(("name", "query", "headers", "status"), RESULTS)
async def test_results_are_answered_as_documented(
    running_app: RunningApp, name: str, query: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    path = FOUND[name].path
    ids = {"id": await known_job(running_app, name), "file_id": file_id(RESULT)}
    named = {part: text for part, text in ids.items() if f"{{{part}}}" in path}
    case = FOUND[name].Case(path_parameters=named, query=query, headers=headers)
    answer = case.call(base_url=f"{running_app.url}/api")
    assert answer.status_code == status
    case.validate_response(answer, checks=HELD_TO)


def test_a_batch_is_answered_as_documented(running_app: RunningApp) -> None:
    body: Any = {**ACCEPTABLE, "searches": [{"evalue": 1}, {"options": {"evalue": 0.1}}]}
    case = FOUND["submit_job"].Case(body=body, media_type="application/json")
    accepted = case.call(base_url=f"{running_app.url}/api")
    assert accepted.status_code == 202
    case.validate_response(accepted, checks=HELD_TO)
    for name in ("read_job", "list_children", "list_results"):
        case = FOUND[name].Case(path_parameters={"id": accepted.json()["job_id"]})
        answer = case.call(base_url=f"{running_app.url}/api")
        assert answer.status_code == 200
        case.validate_response(answer, checks=HELD_TO)


def cases(name: str) -> st.SearchStrategy[Any]:
    """Generate requests that the document allows, and ones that violate a restriction."""
    result = FOUND[name]
    allowed = result.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if not (result.body or result.query):
        return allowed
    return allowed | result.as_strategy(generation_mode=GenerationMode.NEGATIVE)


def hold_refusal(operation: Operation, status: int, headers: Any, body: Any) -> None:
    """Assert that an error has the documented form and a code of the operation."""
    detail = body["detail"]
    assert body["error"] == body["message"] == detail["message"]
    assert headers["x-ms-error-code"] == [detail["code"]]
    assert detail["code"] in (*operation.error_codes, *EVERYWHERE)
    assert CODES[detail["code"]][0] == status


def sayable(body: dict[str, Any]) -> dict[str, Any]:
    """Remove the aliases of query and database."""
    others = ("query_data", "query_blob_url", "query_file", "db", "searches")
    return {name: value for name, value in body.items() if name not in others}


async def known_job(app: RunningApp, name: str) -> str:
    """Return a job in a phase in which the operation succeeds."""
    number = uuid.uuid4().int
    phase = PHASES.get(name, Phase.COMPLETED)
    url = app.account.url("queries", f"{name}.fa")
    made = job(number, owner=LOCAL, phase=phase, search=search(query_url=url), config_blob=url)
    made = replace(made, search=replace(made.search, results_url=app.account.url("results", name)))
    await app.blobs.put(url, b">q\nACGT\n")
    await app.blobs.put(made.results_prefix + RESULT, gzip.compress(HITS))
    await app.blobs.put(
        made.results_prefix + MANIFEST, json.dumps({"files": [described()]}).encode()
    )
    if made.phase is Phase.COMPLETED:
        await index_hits(app.blobs, made)
    return (await app.jobs.create(made, {})).job_id


def described() -> dict[str, Any]:
    return {
        "file_id": file_id(RESULT),
        "name": RESULT,
        "size": 4,
        "last_modified": "2026-11-23T12:00:00+00:00",
        "format": "outfmt 7, gzip",
        "source": "elastic-blast",
    }
