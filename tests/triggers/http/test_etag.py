"""Responses that can change while the job is active have a Retry-After."""

import json
import uuid
from typing import Any

import pytest
from azure.functions import HttpResponse

from shared.contracts.job import Job
from shared.contracts.states import Phase
from tests.support.samples import job, search
from tests.triggers.conftest import Store, refused
from triggers.auth.callers import LOCAL
from triggers.http import jobs, queries, results
from triggers.http.hits import handlers as hits


async def kept(store: Store, phase: Phase, **changes: Any) -> Job:
    return await store.clients.jobs.create(
        job(uuid.uuid4().int, owner=LOCAL, phase=phase, **changes), {}
    )


async def every_answer(store: Store, one: Job) -> dict[str, HttpResponse]:
    return {
        "results": await store.ask(results.list_results, one),
        "a result": await store.ask(results.read_result, one, "some"),
        "aggregate": await store.ask(hits.aggregate_hits, one),
        "alignments": await store.ask(hits.list_alignments, one),
        "one file's": await store.ask(hits.list_alignments, one, blob_name="some"),
        "export": await store.ask(hits.export_hits, one, format="csv"),
        "its config": await store.ask(queries.read_file, one, name="elastic-blast.ini"),
    }


def retry_afters(answers: dict[str, HttpResponse]) -> dict[str, str | None]:
    return {name: answer.headers.get("Retry-After") for name, answer in answers.items()}


async def test_a_404_of_an_active_job_has_a_retry_after(store: Store) -> None:
    answers = await every_answer(store, await kept(store, Phase.RUNNING))
    assert retry_afters(answers) == dict.fromkeys(answers, "3")
    assert refused(answers["export"]) == (404, "no_results")
    assert refused(answers["a result"]) == refused(answers["its config"]) == (404, "not_found")
    assert json.loads(answers["results"].get_body())["manifest"]["status"] == "pending"


@pytest.mark.parametrize("phase", [Phase.SEARCH_FAILED, Phase.CANCELLED])
async def test_a_404_of_an_ended_job_has_no_retry_after(store: Store, phase: Phase) -> None:
    answers = await every_answer(store, await kept(store, phase))
    assert retry_afters(answers) == dict.fromkeys(answers)


async def test_the_list_of_an_active_batch_has_a_retry_after(store: Store) -> None:
    async def pause(one: Job) -> str | None:
        return retry_afters({"children": await store.ask(jobs.list_children, one)})["children"]

    assert await pause(await kept(store, Phase.RUNNING, child_count=2)) == "3"
    assert await pause(await kept(store, Phase.COMPLETED, child_count=2)) is None
    assert await pause(await kept(store, Phase.RUNNING)) is None


async def test_a_missing_query_has_no_retry_after(store: Store) -> None:
    url = store.clients.account.url("queries", f"{uuid.uuid4().hex}.fa")
    await store.clients.blobs.put(url, b">q\nACGT\n")
    one = await kept(store, Phase.RUNNING, search=search(query_url=url))
    for answer in (
        await store.ask(queries.read_query, one),
        await store.ask(queries.read_file, one, name="input.fa"),
    ):
        assert answer.status_code == 200
        assert "Retry-After" not in answer.headers
    gone = await kept(store, Phase.RUNNING, search=search(query_url=f"{url}.gone"))
    assert refused(await store.ask(queries.read_query, gone)) == (404, "not_found")
    assert "Retry-After" not in (await store.ask(queries.read_query, gone)).headers
