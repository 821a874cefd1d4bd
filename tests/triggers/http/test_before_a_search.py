"""Uploads, databases, pre-flights and readiness."""

import json
from typing import Any

import pytest
import urllib3

from shared.contracts.search import Program
from tests.triggers.http.conftest import RunningApp

MANY = b">q\nACGT\n"
NO_TEXT = (
    b'--x\r\nContent-Disposition: form-data; name="query_file"; filename="q"\r\n\r\n\xff\r\n--x--'
)


def json_of(answer: urllib3.BaseHTTPResponse) -> Any:
    return json.loads(answer.data)


def test_databases_are_listed_with_their_metadata(running_app: RunningApp) -> None:
    result = {
        one["name"]: one for one in json_of(running_app.ask("GET", "blast/databases"))["databases"]
    }
    assert result["nucs"] == {
        "name": "nucs",
        "container": "blast-db",
        "prefix": "nucs",
        "title": "Nucs",
        "type": "nucl",
        "file_count": 3,
        **dict.fromkeys(("size_bytes", "total_bytes"), 12),
        **dict.fromkeys(("sequences", "total_sequences"), 3),
        **dict.fromkeys(("letters", "total_letters"), 40),
        "updated_at": "2026-05-01T00:00:00Z",
        "ready": True,
        "copy_status": {"phase": "completed"},
    }
    assert (result["mine"]["prefix"], result["half"]["copy_status"]) == (
        "custom/db",
        {"phase": "partial"},
    )
    assert (result["prots"]["type"], result["half"]["ready"]) == ("prot", False)
    assert json_of(running_app.ask("GET", "blast/databases/check-updates")) == {
        "latest_version": None
    }


def test_a_program_that_cannot_search_the_database_is_refused(running_app: RunningApp) -> None:
    body = {"program": "blastn", "db": "prots", "query_data": ">q\nACGT\n"}
    answer = running_app.ask("POST", "blast/jobs", json.dumps(body).encode())
    code = "program_database_incompatible"
    assert (answer.status, answer.headers["x-ms-error-code"]) == (422, code)
    assert json_of(answer)["detail"]["errors"][0]["loc"] == ["db"]
    assert running_app.submit(db="nucs")


async def test_an_uploaded_query_can_be_used_in_a_search(running_app: RunningApp) -> None:
    sent = {"query_data": MANY.decode(), "filename": "../my query.fa", "container": "queries"}
    first = json_of(running_app.ask("POST", "blast/upload-query", json.dumps(sent).encode()))
    body, kind = urllib3.encode_multipart_formdata({"query_file": ("/home/me/my query.fa", MANY)})
    second = json_of(running_app.ask("POST", "blast/upload-query", body, content_type=kind))
    assert first == second
    assert first["blob_path"].startswith("queries/uploads/")
    assert first["blob_path"].endswith("/query.fa")
    assert await running_app.blobs.get(first["blob_url"]) == MANY
    assert running_app.submit(query_data=None, query_blob_url=first["blob_path"])


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"no json", "malformed_json"),
        (b"{}", "validation_error"),
        (b'{"query_data": "no fasta"}', "invalid_query_fasta"),
        (b'{"query_data": ">q\\nA", "container": "results"}', "validation_error"),
    ],
)
def test_invalid_queries_are_not_uploaded(running_app: RunningApp, sent: bytes, code: str) -> None:
    answer = running_app.ask("POST", "blast/upload-query", sent)
    assert answer.headers["x-ms-error-code"] == code


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"", "validation_error"),
        (b"no form at all", "validation_error"),
        (NO_TEXT, "invalid_query_fasta"),
    ],
)
def test_a_form_without_a_query_is_refused(running_app: RunningApp, sent: bytes, code: str) -> None:
    kind = "multipart/form-data; boundary=x"
    answer = running_app.ask("POST", "blast/upload-query", sent, content_type=kind)
    assert answer.headers["x-ms-error-code"] == code


async def test_failure_38_the_query_of_another_owners_job_is_not_found(
    running_app: RunningApp,
) -> None:
    url = running_app.account.url("queries", f"job-{0:032x}/q.fa")
    await running_app.blobs.put(url, MANY)
    answer, checks = checked(running_app, query_blob_url=url)
    assert checks["fasta_format"] == "fail"
    assert f"there is no {url}: upload the query first" in [
        check.get("detail") for check in answer["checks"]
    ]
    body = {"program": "blastn", "db": "16S", "query_blob_url": url}
    refused = json_of(running_app.ask("POST", "blast/jobs", json.dumps(body).encode()))
    assert refused["detail"]["errors"] == [
        {"loc": ["query_blob_url"], "msg": f"there is no {url}: upload the query first"}
    ]


def checked(app: RunningApp, **plan: str) -> tuple[dict[str, Any], dict[str, str]]:
    answer = json_of(app.ask("POST", "blast/pre-flight", json.dumps(plan).encode()))
    return answer, {check["id"]: check["status"] for check in answer["checks"]}


def test_a_pre_flight_reports_what_is_missing(running_app: RunningApp) -> None:
    answer, checks = checked(running_app, program="blastn", db="nucs", query_data=">q\nACGT")
    assert checks == {
        "fasta_format": "pass",
        "blast_db": "pass",
        "aks_cluster": "fail",
        "storage_containers": "pass",
        "terminal_sidecar": "fail",
    }
    assert (answer["ready"], answer["critical_blockers"]) == (False, 2)
    assert "The sidecar answers" in answer["summary"]


def test_a_pre_flight_skips_checks_of_missing_fields(running_app: RunningApp) -> None:
    assert checked(running_app)[1]["fasta_format"] == checked(running_app)[1]["blast_db"] == "skip"
    for plan in ({"query_data": "ACGT"}, {"query_file": "none.fa"}, {"query_file": "../x"}):
        assert checked(running_app, program="blastn", **plan)[1]["fasta_format"] == "fail"
    for db, status in (("prots", "fail"), ("none", "fail"), ("../x", "fail"), ("half", "warn")):
        assert checked(running_app, program="blastn", db=db)[1]["blast_db"] == status


def test_readiness_names_failed_dependencies_and_no_secrets(running_app: RunningApp) -> None:
    answer = running_app.ask("GET", "health/ready")
    result = json_of(answer)
    assert (answer.status, result["status"]) == (200, "degraded")
    assert {name: one["status"] for name, one in result["checks"].items()} == {
        "tables": "ok",
        "blob": "ok",
        "queue": "ok",
        "sidecar": "unavailable",
        "cluster": "unavailable",
    }
    assert all(set(one) == {"status", "milliseconds"} for one in result["checks"].values())


def test_programs_are_listed_with_their_options_defaults_and_ranges(
    running_app: RunningApp,
) -> None:
    listed = json_of(running_app.ask("GET", "blast/programs"))["programs"]
    programs = {one["name"]: one for one in listed}
    assert [*programs] == [program.value for program in Program]
    types = {name: (one["query_type"], one["database_type"]) for name, one in programs.items()}
    assert types["blastx"] == types["rpstblastn"] == ("nucl", "prot")
    assert types["tblastn"] == ("prot", "nucl")
    options = {one["name"]: one for one in programs["blastn"]["options"]}
    assert options["max_target_seqs"] == {  # the bounds of the field, narrower than those of BLAST+
        "name": "max_target_seqs",
        "flag": "-max_target_seqs",
        "kind": "integer",
        "minimum": 1,
        "maximum": 50_000,
        "default": "500",
    }
    assert options["low_complexity_filter"]["default"] == "true"
    assert options["outfmt"]["default"] == "5"
    assert "17" in options["outfmt"]["choices"]
    assert "matrix" not in options
    options = {one["name"]: one for one in programs["blastp"]["options"]}
    assert options["low_complexity_filter"]["default"] == "false"
    assert "17" not in options["outfmt"]["choices"]


@pytest.mark.parametrize("program", Program)
def test_each_default_of_a_program_is_accepted(running_app: RunningApp, program: Program) -> None:
    listed = json_of(running_app.ask("GET", "blast/programs"))["programs"]
    (view,) = (one for one in listed if one["name"] == program)
    given = {one["name"]: one["default"] for one in view["options"] if "default" in one}
    answer = running_app.ask(
        "POST", "blast/pre-flight", json.dumps({"program": program, **given}).encode()
    )
    assert "faults" not in json_of(answer)


def test_a_preflight_names_each_fault_by_field_and_line(running_app: RunningApp) -> None:
    body = {"program": "blastn", "db": "prots", "query_data": ">q\nACGT\n>e\n", "evalue": -1}
    answer = json_of(running_app.ask("POST", "blast/pre-flight", json.dumps(body).encode()))
    faults = {(*one["loc"], one.get("line")) for one in answer["faults"]}
    assert faults >= {("query_data", 3), ("evalue", None)}
    body |= {"query_data": ">q\nACGT\n", "evalue": 1}
    answer = json_of(running_app.ask("POST", "blast/pre-flight", json.dumps(body).encode()))
    assert [one["loc"] for one in answer["faults"]] == [["db"]]
    refused = running_app.ask("POST", "blast/jobs", json.dumps(body).encode())
    assert json_of(refused)["detail"]["errors"] == answer["faults"]
