"""The Python client: both forms behave the same, and try again what can succeed later."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from elastic_blast_client import (
    AsyncClient,
    Client,
    Conflict,
    HitsMissing,
    Invalid,
    Job,
    NotFound,
    NotSignedIn,
    Refused,
    SearchFailed,
    TooLarge,
    TryAgain,
    downloads,
    flows,
)

JOB_ID = "job-" + "a" * 32
Answer = httpx.Response | BaseException


@dataclass
class Server:
    """Answers in turn; the last answer is repeated."""

    answers: list[Answer]
    requests: list[httpx.Request] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    is_async: bool = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def ask(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the client, in its blocking or its async form."""
        transport = httpx.MockTransport(self)
        if not self.is_async:
            with Client(
                "http://x", "t0ken", transport=transport, sleep=self.slept.append
            ) as client:
                return getattr(client, name)(*args, **kwargs)

        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        async def run() -> Any:
            async with AsyncClient("http://x", "t0ken", transport=transport, sleep=sleep) as client:
                return await getattr(client, name)(*args, **kwargs)

        with asyncio.Runner() as runner:
            return runner.run(run())


Make = Callable[..., Server]


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def make(request: pytest.FixtureRequest) -> Make:
    return lambda *answers: Server(list(answers), is_async=request.param)


def view(status: str = "completed", **more: Any) -> dict[str, Any]:
    return {"job_id": JOB_ID, "status": status, "phase": status, "job_title": "t", **more}


def ok(body: Any, status: int = 200, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return httpx.Response(status, json=body, headers=named)


def refused(status: int, code: str, errors: Any = None, **headers: str) -> httpx.Response:
    detail = {"code": code, "message": f"why {code}", "errors": errors}
    return ok({"error": "x", "message": "x", "detail": detail}, status, **headers)


RESET = httpx.ReadError("reset")


def test_a_submission_is_sent_again_under_the_same_key(make: Make) -> None:
    server = make(RESET, refused(503, "not_started", Retry_After="7"), ok(view("queued"), 202))
    job = server.ask("submit", "blastn", "db", ">q\nACGT", evalue="1e-9", job_title=None)
    assert (job.job_id, job.status) == (JOB_ID, "queued")
    assert len({request.headers["Idempotency-Key"] for request in server.requests}) == 1
    assert server.slept == [flows.FIRST_WAIT, 7.0]
    body = json.loads(server.requests[0].content)
    assert body == {"program": "blastn", "db": "db", "query_data": ">q\nACGT", "evalue": "1e-9"}
    assert server.requests[0].headers["Authorization"] == "Bearer t0ken"
    assert str(server.requests[0].url) == "http://x/api/blast/jobs"


def test_a_batch_is_one_submission(make: Make) -> None:
    server = make(ok(view("queued"), 202))
    server.ask("submit_batch", [{"query_data": ">a\nAC"}], program="blastn", db="d", key="k")
    body = json.loads(server.requests[0].content)
    assert body == {"searches": [{"query_data": ">a\nAC"}], "program": "blastn", "db": "d"}
    assert server.requests[0].headers["Idempotency-Key"] == "k"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "not_signed_in", NotSignedIn),
        (404, "not_found", NotFound),
        (409, "idempotency_conflict", Conflict),
        (413, "query_too_large", TooLarge),
        (422, "validation_error", Invalid),
        (429, "rate_exceeded", TryAgain),
        (503, "storage_unavailable", TryAgain),
    ],
)
def test_a_refusal_has_its_type_code_and_faults(
    make: Make, status: int, code: str, kind: type[Refused]
) -> None:
    faults = [{"loc": ["options", "evalue"], "msg": "must be a number"}]
    server = make(refused(status, code, faults))
    with pytest.raises(kind, match=f"why {code}") as caught:
        server.ask("show", JOB_ID)
    assert (caught.value.status, caught.value.code) == (status, code)
    assert [fault.field for fault in caught.value.faults] == ["options.evalue"]
    assert len(server.requests) == (flows.TRIES if kind is TryAgain else 1)


def test_an_error_page_of_another_server_is_a_refusal(make: Make) -> None:
    with pytest.raises(TryAgain, match="502 without a reason"):
        make(httpx.Response(502, text="<html>")).ask("databases")
    with pytest.raises(TryAgain, match="cannot be reached"):
        make(RESET).ask("databases")


def test_a_wait_obeys_the_server_and_asks_only_for_changes(make: Make) -> None:
    server = make(
        ok(view("queued"), Retry_After="1", ETag='W/"1"'),
        httpx.Response(304, headers={"Retry-After": "3"}),
        RESET,
        refused(503, "storage_unavailable", Retry_After="9"),
        ok(view("running"), Retry_After="3", ETag='W/"2"'),
        ok(view("completed"), ETag='W/"3"'),
    )
    seen: list[str] = []
    job = server.ask("wait", JOB_ID, lambda job: seen.append(job.status))
    assert (job.status, seen) == ("completed", ["queued", "running", "completed"])
    assert server.slept == [1.0, 3.0, 0.5, 9.0, 3.0]
    tags = [request.headers.get("If-None-Match") for request in server.requests]
    assert tags == [None, *['W/"1"'] * 4, 'W/"2"']


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_wait_for_a_search_that_fails_raises(make: Make, status: str) -> None:
    server = make(ok(view(status, error="BLAST engine error")))
    with pytest.raises(SearchFailed, match="BLAST engine error"):
        server.ask("wait", JOB_ID)
    assert server.ask("wait", JOB_ID, check=False).status == status


@dataclass
class Files:
    """A server of one file, which breaks down from time to time."""

    data: bytes
    etag: str = '"1"'
    ranges: list[str] = field(default_factory=list)
    breaks_at: set[int] = field(default_factory=set)
    largest_response: int = 1000

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.ranges.append(request.headers["Range"])
        if len(self.ranges) in self.breaks_at:
            raise RESET
        start, end = map(int, request.headers["Range"].removeprefix("bytes=").split("-"))
        if request.headers.get("If-Range", self.etag) != self.etag:
            if len(self.data) > self.largest_response:
                return refused(413, "file_too_large")
            return httpx.Response(200, content=self.data, headers={"ETag": self.etag})
        size = len(self.data)
        if start >= size:
            return httpx.Response(416, headers={"Content-Range": f"bytes */{size}"})
        part = self.data[start : end + 1]
        about = f"bytes {start}-{start + len(part) - 1}/{size}"
        return httpx.Response(
            206, content=part, headers={"Content-Range": about, "ETag": self.etag}
        )


def export(files: Files, target: Path) -> None:
    transport = httpx.MockTransport(files)
    with Client("http://x", transport=transport, sleep=lambda seconds: None) as client:
        client.export(JOB_ID, target)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "PART", 10)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 35])
def test_a_download_is_the_whole_file(tmp_path: Path, size: int) -> None:
    files = Files(bytes(range(size)), breaks_at={2})
    export(files, tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == files.data
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("largest", [1000, 12], ids=["small", "too-large-for-one-response"])
@pytest.mark.parametrize("is_changed", [False, True], ids=["same", "changed"])
def test_a_download_goes_on_where_it_was_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_changed: bool, largest: int
) -> None:
    files = Files(bytes(range(35)), breaks_at={3}, largest_response=largest)
    with monkeypatch.context() as patch:
        patch.setattr(downloads, "PATIENCE", 1)
        with pytest.raises(TryAgain):
            export(files, tmp_path / "f")
    assert not (tmp_path / "f").exists()
    files.ranges.clear()
    files.breaks_at.clear()
    if is_changed:
        files.data, files.etag = bytes(range(50, 80)), '"2"'
    export(files, tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == files.data
    assert files.ranges[0] == "bytes=20-29"


def test_hits_are_read_page_by_page() -> None:
    pages = [ok({"alignments": [{"n": n}], "pages": 3}) for n in range(3)]
    server = Server([*pages])
    with Client("http://x", transport=httpx.MockTransport(server)) as client:
        assert [hit["n"] for hit in client.hits(JOB_ID, max_evalue=1e-9)] == [0, 1, 2]
    assert [request.url.params["page"] for request in server.requests] == ["1", "2", "3"]
    assert server.requests[0].url.params["max_evalue"] == "1e-09"


def test_hits_of_a_file_that_cannot_be_read_are_not_missing_silently() -> None:
    unreadable = [{"name": "batch_001.out.gz", "code": "file_damaged", "message": "it ends early"}]
    answer = {"alignments": [{"n": 1}], "pages": 1, "files_unreadable": unreadable}
    transport = httpx.MockTransport(Server([ok(answer), ok(answer)]))
    with Client("http://x", transport=transport) as client:
        with pytest.raises(HitsMissing, match=r"batch_001\.out\.gz: it ends early"):
            list(client.hits(JOB_ID))
        assert list(client.hits(JOB_ID, file=2)) == [{"n": 1}], "the file was chosen"


async def test_async_hits_and_children_are_read_page_by_page() -> None:
    pages = [ok({"alignments": [{"n": n}], "pages": 2}) for n in range(2)]
    jobs = [ok({"jobs": [view()], "next_cursor": "c"}), ok({"jobs": [view()]})]
    server = Server([*pages, *jobs])
    async with AsyncClient("http://x", transport=httpx.MockTransport(server)) as client:
        assert [hit["n"] async for hit in client.hits(JOB_ID)] == [0, 1]
        assert len([job async for job in client.children(JOB_ID)]) == 2
    assert server.requests[-1].url.params["cursor"] == "c"


def test_a_credential_is_asked_for_each_request() -> None:
    tokens = iter("abc")
    server = Server([ok({"databases": []})])
    transport = httpx.MockTransport(server)
    with Client("http://x/api/", lambda: next(tokens), transport=transport) as client:
        client.databases()
        client.databases()
    sent = [request.headers["Authorization"] for request in server.requests]
    assert sent == ["Bearer a", "Bearer b"]
    assert str(server.requests[0].url) == "http://x/api/blast/databases"


def test_a_job_of_a_newer_server_is_read() -> None:
    assert Job.of(view("running", unheard=1)).batches == (0, None)
    assert Job.of(view(splits_done=2, splits_total=4)).batches == (2, 4)
