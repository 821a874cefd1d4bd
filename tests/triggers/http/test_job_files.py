"""Links to result files, the files of a job by their path, citations and pipelines."""

import json
import re
import uuid
from typing import Any

import pytest

from shared.contracts.states import Phase
from tests.local.functions_host.program import until
from tests.support.samples import job
from tests.triggers.http.clients import (
    FILE,
    NEWEST,
    ok,
    send_json,
    send_request,
    store_completed_job,
    store_job,
)
from tests.triggers.http.conftest import RunningApp


async def link_to(app: RunningApp, job_id: str) -> str:
    path = f"blast/jobs/{job_id}/results/download?blob_name={FILE}&storage_account=any"
    body = ok(send_json(app, "GET", path))
    assert body["name"] == FILE
    prefix = f"{app.url}/api/"
    url: str = body["download_url"]
    assert url.startswith(prefix)
    return url.removeprefix(prefix)


async def test_a_link_opens_without_a_token(running_app: RunningApp) -> None:
    job_id = await store_completed_job(running_app)
    files = ok(send_json(running_app, "GET", f"blast/jobs/{job_id}/results"))["files"]
    whole = send_request(running_app, "GET", f"blast/jobs/{job_id}/results/{files[0]['file_id']}")
    link = await link_to(running_app, job_id)
    opened = running_app.ask("GET", link)  # without any header of a client
    assert (opened.status, opened.data) == (200, whole.data)
    assert opened.headers["Content-Disposition"].startswith("attachment")
    assert opened.headers["Cache-Control"] == "no-store"
    assert opened.headers["Referrer-Policy"] == "no-referrer"
    part = running_app.ask("GET", link, range="bytes=0-1")
    assert (part.status, part.data) == (206, whole.data[:2])


async def test_a_link_is_no_use_for_anything_else(running_app: RunningApp) -> None:
    job_id = await store_completed_job(running_app)
    link = await link_to(running_app, job_id)
    for wrong in (f"{link}x", "blast/downloads?ticket=x.y.z"):
        answer = running_app.ask("GET", wrong)
        assert (answer.status, answer.headers["x-ms-error-code"]) == (403, "link_expired")
    await running_app.jobs.delete(job_id)
    answer = running_app.ask("GET", link)
    assert (answer.status, answer.headers["x-ms-error-code"]) == (404, "not_found")


async def test_failure_22_a_ticket_is_in_no_log_line_and_no_error(
    running_app: RunningApp,
) -> None:
    """Neither that of a file nor that of a log, whether it opens or not."""
    before = len(running_app.host.log.read_text())
    job_id = await store_completed_job(running_app)
    link = await link_to(running_app, job_id)
    opened = ok(send_json(running_app, "POST", f"blast/logs/{job_id}/ticket"))
    log = f"blast/logs/{job_id}/events?ticket={opened['ticket']}"
    wrong = (f"{log}x", f"{link}x", f"{link}%20", f"{link}&unknown=1")
    assert [running_app.ask("GET", path).status for path in (log, link)] == [200, 200]
    answers = [running_app.ask("GET", path) for path in (*wrong, link.partition("=")[0])]
    assert {answer.status for answer in answers} <= {200, 403, 404, 422}

    def logged() -> str:
        return running_app.host.log.read_text()[before:]

    until(lambda: bool(re.search("422 .*GET /api/blast/downloads", logged())))
    errors = [answer.data.decode() for answer in answers if answer.status != 200]
    text = "".join([logged(), *errors])
    for ticket in (opened["ticket"], link.partition("=")[2]):
        assert [part for part in ticket.split(".") if part in text] == []


async def test_only_the_owner_gets_a_link(running_app: RunningApp) -> None:
    others = await running_app.jobs.create(job(uuid.uuid4().int, phase=Phase.COMPLETED), {})
    path = f"blast/jobs/{others.job_id}/results/download?blob_name={FILE}"
    assert send_json(running_app, "GET", path)[0] == 404
    mine = await store_completed_job(running_app)
    for name in ("no-such-file", "../x", "%2e%2e%2fmanifest.json"):
        path = f"blast/jobs/{mine}/results/download?blob_name={name}"
        assert send_json(running_app, "GET", path)[0] == 404
    status, body = send_json(running_app, "GET", f"blast/jobs/{mine}/results/download")
    assert (status, body["detail"]["errors"][0]["loc"]) == (422, ["blob_name"])


async def test_files_that_can_be_read_are_counted(running_app: RunningApp) -> None:
    job_id = await store_completed_job(running_app)
    body = ok(send_json(running_app, "GET", f"blast/jobs/{job_id}/results"))
    manifest = body["manifest"]
    assert (manifest["parseable_count"], manifest["file_count"]) == (1, 1)
    assert manifest["files"][0]["parseable"] is True


async def test_a_config_is_read_by_its_path_too(running_app: RunningApp) -> None:
    job_id = await store_job(running_app, Phase.RUNNING)
    short = f"blast/jobs/{job_id}/file?name"
    body = ok(send_json(running_app, "GET", f"{short}=queries/{job_id}/elastic-blast.ini"))
    assert body == ok(send_json(running_app, "GET", f"{short}=elastic-blast.ini"))
    other = await store_job(running_app, Phase.RUNNING)
    for name in (f"queries/{other}/elastic-blast.ini", "queries/x/elastic-blast.ini"):
        status, body = send_json(running_app, "GET", f"{short}={name}")
        assert (status, body["detail"]["errors"][0]["loc"]) == (422, ["name"])


@pytest.mark.parametrize("db", ["16S", "blast-db/16S/16S"])
def test_a_payload_names_query_and_database_by_their_paths(
    running_app: RunningApp, db: str
) -> None:
    """The dashboard finds its database in the list, and asks for the query, by these paths."""
    sent = NEWEST.search(running_app, db=db)
    job_id = ok(send_json(running_app, "POST", "blast/jobs", sent), 202)["job_id"]
    payload = ok(send_json(running_app, "GET", f"blast/jobs/{job_id}"))["payload"]
    assert payload["db"] == "blast-db/16S/16S"
    path = f"blast/jobs/{job_id}/file?name"
    body = ok(send_json(running_app, "GET", f"{path}={payload['query_file']}"))
    assert body == ok(send_json(running_app, "GET", f"{path}=input.fa"))
    status, body = send_json(running_app, "GET", f"{path}={payload['query_file']}x")
    assert (status, body["detail"]["errors"][0]["loc"]) == (422, ["name"])


@pytest.mark.parametrize("form", ["text", "markdown", "bibtex"])
async def test_a_search_can_be_cited(running_app: RunningApp, form: str) -> None:
    job_id = await store_completed_job(running_app)
    body = ok(send_json(running_app, "GET", f"blast/jobs/{job_id}/citation?format={form}"))
    assert body["format"] == form
    for part in (job_id, "blastn", "16S", "10.1186/s12859-023-05245-9"):
        assert part in body["citation"]


def submitted(app: RunningApp) -> tuple[str, dict[str, Any]]:
    sent = NEWEST.search(app, job_title='it\'s "mine" ${x} !{y} \\u0041', word_size=11)
    job_id: str = ok(send_json(app, "POST", "blast/jobs", sent), 202)["job_id"]
    return job_id, ok(send_json(app, "GET", f"blast/jobs/{job_id}"))["payload"]


@pytest.mark.parametrize(
    ("form", "name"), [("snakemake", "Snakefile"), ("nextflow", "main.nf")], ids=str
)
def test_a_search_is_exported_as_a_pipeline(running_app: RunningApp, form: str, name: str) -> None:
    job_id, payload = submitted(running_app)
    answer = send_request(running_app, "GET", f"blast/jobs/{job_id}/export?format={form}")
    text = answer.data.decode()
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    found = re.search(r'json\.loads\(r"""(.*)"""\)', text)
    assert found
    literal = found[1] if form == "snakemake" else found[1].replace("\\\\", "\\")
    search = json.loads(literal)
    assert search.items() <= payload.items()
    assert {"program", "db", "evalue", "word_size", "job_title"} <= set(search)
    for secret in (payload["storage_account"], payload["query_file"], running_app.url):
        assert secret not in text


def test_the_python_of_a_pipeline_submits_the_search(
    running_app: RunningApp, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    job_id, payload = submitted(running_app)
    path = f"blast/jobs/{job_id}/export?format=snakemake"
    text = send_request(running_app, "GET", path).data.decode()
    code = text[: text.index("rule all:")]
    monkeypatch.setenv("ELB_BASE_URL", running_app.url)
    scope: dict[str, Any] = {}
    exec(compile(code, "Snakefile", "exec"), scope)
    body = {**scope["SEARCH"], "query_data": ">other\nACGT\n"}
    found = json.loads(scope["call"]("POST", "/api/blast/jobs", body))
    other = ok(send_json(running_app, "GET", f"blast/jobs/{found['job_id']}"))["payload"]
    same = {"query_file", "query_label"}
    assert {k: v for k, v in other.items() if k not in same} == {
        k: v for k, v in payload.items() if k not in same
    }


def test_other_languages_of_pipelines_are_refused_by_name(running_app: RunningApp) -> None:
    job_id, _ = submitted(running_app)
    status, body = send_json(running_app, "GET", f"blast/jobs/{job_id}/export?format=cwl")
    assert status == 422
    assert "snakemake" in body["detail"]["errors"][0]["msg"]


async def test_a_batch_is_tallied_and_leads_to_its_searches(running_app: RunningApp) -> None:
    batch = await store_job(running_app, Phase.RUNNING, child_count=3)
    child = await store_job(running_app, Phase.COMPLETED, parent_job_id=batch, child_number=1)
    body = ok(send_json(running_app, "GET", f"blast/jobs/{batch}"))["split_children"]
    assert body["child_count"] == 3
    assert [one["job_id"] for one in body["children"]] == [child]
    (listed,) = [
        one
        for one in ok(send_json(running_app, "GET", "blast/jobs?limit=500"))["jobs"]
        if one["job_id"] == batch
    ]
    assert listed["split_children"] == {"child_count": 3, "children_by_status": {"active": 3}}
