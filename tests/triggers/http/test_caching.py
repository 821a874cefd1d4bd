"""What browsers may keep: which responses, that they are asked for again, and when they are 304."""

import uuid

import pytest

from shared.contracts.states import Phase
from tests.triggers.http.clients import store_completed_job, store_job
from tests.triggers.http.conftest import RunningApp
from triggers.http.caching import Caching
from triggers.http.operation import Operation
from triggers.http.routes import OPERATIONS

CONDITIONAL = [each for each in OPERATIONS if each.conditional]
JSON_READS = [each for each in CONDITIONAL if not each.anonymous]


@pytest.mark.parametrize("operation", CONDITIONAL, ids=lambda each: each.name)
def test_a_conditional_operation_is_a_get_and_says_304(operation: Operation) -> None:
    assert (operation.method, operation.responses[304]) == ("GET", None)


def test_only_a_conditional_operation_has_a_max_age() -> None:
    assert {each.name for each in OPERATIONS if each.max_age} <= {each.name for each in CONDITIONAL}


@pytest.mark.parametrize("operation", JSON_READS, ids=lambda each: each.name)
async def test_an_unchanged_response_is_304(running_app: RunningApp, operation: Operation) -> None:
    job_id = await store_completed_job(running_app)
    path = operation.path.format(id=job_id, accession="NR_024570") + PARAMETERS.get(
        operation.name, ""
    )
    first = running_app.ask("GET", path)
    assert first.status == 200, first.data
    again = running_app.ask("GET", path, if_none_match=first.headers["ETag"])
    assert (again.status, again.data) == (304, b"")
    for name in ("ETag", "Cache-Control", "Vary"):
        assert first.headers[name] == again.headers[name], name
    assert first.headers["Cache-Control"] == Caching(max_age=operation.max_age).header
    assert "Authorization" in first.headers["Vary"]
    other = running_app.ask("GET", path, if_none_match='"another"')
    assert (other.status, other.data) == (200, first.data)


PARAMETERS = {
    "search_taxa": "?q=9606",
    "recommend_database": "?program=blastn",
}
"""By operation: the query string without which it answers 422."""


async def test_a_list_changes_with_its_jobs(running_app: RunningApp) -> None:
    path = f"blast/jobs?db=list-{uuid.uuid4().hex}"
    first = running_app.ask("GET", path)
    await store_job(running_app, Phase.QUEUED, path.partition("=")[2])
    again = running_app.ask("GET", path, if_none_match=first.headers["ETag"])
    assert again.status == 200
    assert again.headers["ETag"] != first.headers["ETag"]


@pytest.mark.parametrize("path", ["blast/jobs/job-0", "blast/jobs?limit=x", "blast/jobs/{}/query"])
async def test_refusals_and_queries_are_not_kept(running_app: RunningApp, path: str) -> None:
    address = path.format(await store_job(running_app, Phase.RUNNING))
    answer = running_app.ask("GET", address, if_none_match="*")
    assert answer.status != 304
    assert answer.headers["Cache-Control"] == "no-store"
