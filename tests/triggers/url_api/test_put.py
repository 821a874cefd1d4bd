"""CMD=Put over real storage: acceptance, repeats, refusals, and what it costs."""

import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from azure.functions import HttpRequest

from shared.clients.blobs import Blobs
from shared.clients.tables import Table
from shared.contracts.states import Phase
from shared.errors import TooMany
from shared.url_api.rid import job_id_of, rid_of
from tests.triggers.auth.app import Durable
from tests.triggers.conftest import Store
from tests.triggers.url_api.conftest import UrlApi, rid, text
from triggers.auth.callers import LOCAL
from triggers.http.jobs import submit_job
from triggers.submission.repeats import RepeatableSubmissions

QUERY = ">q\n" + "ACGT" * 10


async def test_a_put_creates_a_job_of_the_url_api(store: Store, url_api_client: UrlApi) -> None:
    answer = await url_api_client.put(ALIGNMENTS="7", EXPECT="1e-5")
    job = await store.clients.jobs.get(job_id_of(rid(answer)) or "")
    assert (job.submission_source, job.owner, job.phase) == ("url_api", LOCAL, Phase.QUEUED)
    assert (job.search.database, job.search.report) == ("16S", "ALIGNMENTS=7")
    assert "-evalue 1e-5" in job.search.options
    assert url_api_client.durable.started == [job.job_id]
    assert int(text(answer).split("RTOE = ")[1].split("\n")[0]) >= 1


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
async def test_every_method_puts(url_api_client: UrlApi, method: str) -> None:
    parameters = {"cmd": "put", "Program": "BLASTN", "database": "16S", "query": QUERY}
    assert rid(await url_api_client.send(method, JOB_TITLE=uuid.uuid4().hex, **parameters))


async def test_a_repeat_is_the_same_search(url_api_client: UrlApi) -> None:
    title = uuid.uuid4().hex
    first, again = [rid(await url_api_client.put(JOB_TITLE=title)) for _ in range(2)]
    other = rid(await url_api_client.put(JOB_TITLE=title, EXPECT="1"))
    report = rid(await url_api_client.put(JOB_TITLE=title, ALIGNMENTS="1"))
    assert first == again
    assert len({first, other, report}) == 3


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"ENTREZ_QUERY": "human[orgn]"}, "ENTREZ_QUERY: is not supported here"),
        ({"QUERY": "NM_000546"}, "QUERY: is an accession"),
        ({"PROGRAM": "blastp", "DATABASE": "nucs/nucs", "EXPECT": "x"}, "must be a number"),
        ({"UNHEARD": "1"}, "UNHEARD: is not a parameter"),
    ],
    ids=str,
)
async def test_a_refusal_is_a_page_with_words(
    url_api_client: UrlApi, parameters: dict[str, str], words: str
) -> None:
    answer = await url_api_client.put(**parameters)
    assert answer.status_code == 200
    assert '<p class="error">Message ID#' in text(answer) and words in text(answer)
    assert "RID" not in text(answer)
    assert not url_api_client.durable.started
    assert answer.headers["x-ms-error-code"] in ("validation_error", "invalid_query_fasta")


async def test_a_refusal_that_a_repeat_can_mend_keeps_its_status(
    url_api_client: UrlApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*args: object) -> None:
        raise TooMany("too_many_active", "you have 2 active searches")

    monkeypatch.setattr(RepeatableSubmissions, "accept", refuse)
    answer = await url_api_client.put()
    assert (answer.status_code, int(answer.headers["Retry-After"])) == (429, 5)
    assert "2 active searches" in text(answer)


async def test_a_query_is_shown_in_no_refusal(url_api_client: UrlApi) -> None:
    answer = await url_api_client.put(QUERY=">q\nACGTJJACGTACGT" + "ACGT" * 20)
    assert "ACGTACGTACGT" not in text(answer)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """The calls of storage so far, by operation."""
    counted: Counter[str] = Counter()

    def count(kind: type, name: str) -> None:
        real = getattr(kind, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            counted[f"{kind.__name__}.{name}"] += 1
            return real(*args, **kwargs)

        monkeypatch.setattr(kind, name, call)

    for name in ("get", "commit", "write", "upsert", "delete", "query"):
        count(Table, name)
    for name in ("put", "put_if_absent", "get", "list", "version", "read_range", "read_prefix"):
        count(Blobs, name)
    yield counted


async def test_a_put_costs_no_more_calls_than_a_post(
    store: Store, url_api_client: UrlApi, calls: Counter[str]
) -> None:
    await url_api_client.put()  # the list of databases is cached, and tables are created
    calls.clear()
    await url_api_client.put()
    of_a_put = dict(calls)
    calls.clear()
    body = b'{"program": "blastn", "db": "16S", "query_data": ">q\\nACGTACGTACGT"}'
    post = HttpRequest("POST", "http://127.0.0.1:7071/api/blast/jobs", body=body)
    assert (await submit_job(store.services, post, Durable())).status_code == 202
    assert sum(of_a_put.values()) == calls.total()
    assert of_a_put["Table.query"] == 1 and "Table.get" not in of_a_put


async def test_a_poll_while_waiting_is_one_point_read(
    url_api_client: UrlApi, calls: Counter[str]
) -> None:
    request = rid(await url_api_client.put())
    for parameters in ({"FORMAT_TYPE": "XML"}, {"FORMAT_OBJECT": "SearchInfo"}):
        calls.clear()
        answer = await url_api_client.get(request, **parameters)
        assert "Status=WAITING\n" in text(answer)
        assert dict(calls) == {"Table.get": 1}


def test_rids_are_those_of_jobs() -> None:
    assert rid_of("job-" + "a" * 32) == "A" * 32
