"""What the real client reads of lists and jobs: phases in its words, the submission, the database.

`client_shapes` has where each revision reads it.
"""

import uuid
from dataclasses import replace
from typing import Any

import pytest

from shared.contracts.states import Phase
from shared.elastic_blast.allowed_options import flags_of
from tests.support.samples import search
from tests.triggers.http.client_shapes import DETAILS, LIST
from tests.triggers.http.clients import NEWEST, ok, send_json, send_request, store_job
from tests.triggers.http.conftest import RunningApp
from tests.triggers.http.test_client_shapes import hold

ENDED = {"completed", "failed", "submit_failed", "error", "deleted"}
"""The phases that SEED and FUNCTIONS do not count as running."""
FAILURES = [phase for phase in Phase if phase.is_failure]


async def listed(app: RunningApp, phase: Phase, **changes: Any) -> dict[str, Any]:
    db = f"words-{uuid.uuid4().hex}"
    await store_job(app, phase, db, **changes)
    body = ok(send_json(app, "GET", f"blast/jobs?db={db}"))
    hold(body, LIST, filled=False)
    (job,) = body["jobs"]
    return dict(job)


@pytest.mark.parametrize("phase", FAILURES, ids=lambda phase: phase.value)
async def test_a_failure_is_no_running_job_to_any_generation(
    running_app: RunningApp, phase: Phase
) -> None:
    job = await listed(running_app, phase, error_code="a_code", error="BLAST says why")
    assert job["phase"] in ENDED
    assert (job["exact_phase"], job["status"]) == (phase.value, "failed")
    detail = ok(send_json(running_app, "GET", f"blast/jobs/{job['job_id']}"))
    for part in (detail, detail["custom_status"], detail["output"]):
        assert (part["phase"], part["exact_phase"]) == (job["phase"], phase.value)
    classified = job["failure_classification"]
    assert classified["auto_retryable"] is (phase is not Phase.CONFIG_INVALID)
    assert classified["category"] != "unknown"
    assert "a_code" in classified["reason"]
    assert "BLAST says why" in classified["reason"]


async def test_only_a_failure_has_a_classification(running_app: RunningApp) -> None:
    for phase in (Phase.RUNNING, Phase.CANCELLED, Phase.COMPLETED):
        job = await listed(running_app, phase)
        assert "failure_classification" not in job
        assert job["phase"] == job["exact_phase"] == phase.value


async def test_a_batch_that_failed_is_not_offered_for_a_retry(running_app: RunningApp) -> None:
    job = await listed(running_app, Phase.SEARCH_FAILED, child_count=2)
    assert job["failure_classification"]["auto_retryable"] is False


def test_details_have_the_fields_that_clients_read(running_app: RunningApp) -> None:
    sent = NEWEST.search(
        running_app,
        db="nucs",
        evalue=0.001,
        max_target_seqs=20,
        word_size=16,
        taxid=9606,
        low_complexity_filter=True,
        additional_options="-soft_masking false",
    )
    job_id = ok(send_json(running_app, "POST", "blast/jobs", sent), 202)["job_id"]
    detail = ok(send_json(running_app, "GET", f"blast/jobs/{job_id}"))
    hold(detail, DETAILS)
    assert detail["payload"]["db"] == "blast-db/nucs/nucs", "as the dashboard lists it"
    for name in ("program", "job_title", "evalue", "max_target_seqs", "word_size", "taxid"):
        assert detail["payload"][name] == sent[name]
    assert detail["payload"]["low_complexity_filter"] is True
    assert detail["payload"]["additional_options"] == "-soft_masking false"
    assert detail["query_label"] == detail["payload"]["query_label"] == "q"
    assert detail["database_metadata"] == {
        "name": "nucs",
        "database": "nucs",
        "title": "Nucs",
        "molecule_type": "mixed DNA",
        "update_date": "2026-05-01T00:00:00.000Z",
        "number_of_sequences": 3,
        "number_of_letters": 40,
    }
    path = f"blast/jobs/{job_id}?include_database_metadata=false"
    assert "database_metadata" not in ok(send_json(running_app, "GET", path))


async def test_a_payload_sent_again_is_the_same_search(running_app: RunningApp) -> None:
    sent = NEWEST.search(running_app, additional_options="-outfmt 6 std staxids -word_size 11")
    del sent["options"], sent["colour"]
    first = ok(send_json(running_app, "POST", "blast/jobs", sent), 202)["job_id"]
    payload = ok(send_json(running_app, "GET", f"blast/jobs/{first}"))["payload"]
    accepted = ok(send_json(running_app, "POST", "blast/jobs", payload), 202)
    assert "warnings" not in accepted["meta"]
    assert accepted["job_id"] != first
    one, other = [
        (await running_app.jobs.get(job_id)).search for job_id in (first, accepted["job_id"])
    ]
    assert flags_of(one.options) == flags_of(other.options)
    # A payload names the database by its path.
    assert (one.database, other.database) == ("16S", "blast-db/16S/16S")
    assert replace(one, options="", database="") == replace(other, options="", database="")


async def test_a_batch_has_no_payload_and_no_name_of_a_query(running_app: RunningApp) -> None:
    job_id = await store_job(running_app, Phase.RUNNING, child_count=2)
    detail = ok(send_json(running_app, "GET", f"blast/jobs/{job_id}"))
    assert "payload" not in detail
    assert "query_label" not in detail


def test_lists_without_a_parameter_begin_with_the_oldest_job_of_the_page(
    running_app: RunningApp,
) -> None:
    """Two generations reverse the page; a program, which sends no request id, does not."""
    for _ in range(2):
        running_app.submit()
    to_old = ok(send_json(running_app, "GET", "blast/jobs"))["jobs"]
    to_new = ok(send_json(running_app, "GET", "blast/jobs?limit=50"))["jobs"]
    to_programs = running_app.ask("GET", "blast/jobs").json()["jobs"]
    ids = [[job["job_id"] for job in jobs] for jobs in (to_old, to_new, to_programs)]
    assert ids[0] == ids[1][::-1]
    assert ids[2] == ids[1]
    created = [job["created_at"] for job in to_new]
    assert created == sorted(created, reverse=True)


async def test_a_list_is_filtered_by_cluster(running_app: RunningApp) -> None:
    db = f"cluster-{uuid.uuid4().hex}"
    job_id = await store_job(running_app, Phase.RUNNING, db)
    cluster = search().placement.cluster_name
    where = f"blast/jobs?db={db}&subscription_id=1-2&resource_group=any&cluster_name"
    (job,) = ok(send_json(running_app, "GET", f"{where}={cluster}"))["jobs"]
    assert job["job_id"] == job_id
    assert ok(send_json(running_app, "GET", f"{where}=another"))["jobs"] == []


READS = (
    *("blast/jobs", "blast/databases", "blast/databases/check-updates", "monitor/aks"),
    *(
        f"blast/jobs/{{id}}{path}"
        for path in ("", "/events", "/execution-steps", "/query", "/results", "/results/file")
    ),
    *("blast/jobs/{id}/file", "blast/submit/{id}/status", "blast/jobs/{id}/results/aggregate"),
)


@pytest.mark.parametrize("path", READS)
async def test_the_dashboards_coordinates_are_known_and_other_parameters_are_faults(
    running_app: RunningApp, path: str
) -> None:
    url = path.format(id=await store_job(running_app, Phase.COMPLETED))
    known = "subscription_id=11111111-2222-3333-4444-555555555555&resource_group=rg-elb"
    answer = send_request(running_app, "GET", f"{url}?{known}&colour=red")
    assert answer.status == 422
    faults = answer.json()["detail"]["errors"]
    assert ["colour"] in [fault["loc"] for fault in faults]
    assert all(fault["loc"][0] in ("colour", "name") for fault in faults)
