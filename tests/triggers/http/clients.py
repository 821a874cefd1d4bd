"""The three generations of the dashboard's client, and jobs for them."""

import gzip
import json
import socket
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3

from shared.blast.result_files import MANIFEST, file_id
from shared.contracts.states import Phase
from tests.support.hit_index import index_hits
from tests.support.samples import job, search
from tests.triggers.http.conftest import RunningApp
from tests.triggers.http.contract import REFUSAL, amiss
from triggers.auth.callers import LOCAL

FASTA = ">q\nACGT\n"
HITS = b"q\ts\t99.5\t4\t0\t0\t1\t4\t1\t4\t1e-20\t8.1\n"
FILE = "batch_000-blastn-16S.out.gz"


def as_oldest(body: dict[str, Any]) -> str:
    message = body["error"]
    assert isinstance(message, str)
    return message


def as_newer(body: dict[str, Any]) -> str:
    sentence: str = body["message"]
    return sentence


def as_newest(body: dict[str, Any]) -> str:
    detail = body["detail"]
    sentence: str = detail if isinstance(detail, str) else detail["message"]
    return sentence


@dataclass(frozen=True)
class Client:
    """A generation of the client: how it differs from the others."""

    submits_to: str
    body: Mapping[str, Any]
    """Without the query; `query_name` is its field."""
    query_name: str
    id_name: str
    """The field in which it reads the job id."""
    polls: str
    """The field with the URL that it polls."""
    sentence: Callable[[dict[str, Any]], str]
    cancels_with: Mapping[str, Any]
    uploads_forms: bool = False

    def search(self, app: RunningApp, **changes: Any) -> dict[str, Any]:
        """The body of a submission; a query that is named is uploaded first."""
        by_name = self.query_name == "query_blob_url"
        query = self.upload(app)["blob_url"] if by_name else FASTA
        return {**self.body, self.query_name: query, **changes}

    def upload(self, app: RunningApp) -> dict[str, Any]:
        if not self.uploads_forms:
            named = {"query_data": FASTA, "filename": "my.fa", "container": "queries"}
            return ok(send_json(app, "POST", "blast/upload-query", named))
        form = urllib3.encode_multipart_formdata({"query_file": ("my.fa", FASTA.encode())})
        answer = send_request(app, "POST", "blast/upload-query", form[0], content_type=form[1])
        return ok((answer.status, json.loads(answer.data)))

    def refused(self, answer: tuple[int, Any], status: int, code: str) -> str:
        """The error message that this generation shows."""
        assert (answer[0], answer[1]["detail"]["code"]) == (status, code)
        assert amiss(answer[1], REFUSAL) == []
        return self.sentence(answer[1])


OLDEST = Client(
    "submit",
    {
        "program": "blastn",
        "database": "16S",
        "aks_cluster_name": "local",
        "resource_group": "local",
        "options": {"evalue": 0.05, "outfmt": 5},
    },
    query_name="query_data",
    id_name="instance_id",
    polls="statusQueryGetUri",
    sentence=as_oldest,
    cancels_with={"cluster_name": "local", "resource_group": "local", "namespace": "default"},
)
NEWER = Client(
    "jobs",
    {"program": "blastn", "db": "16S", "cluster_name": "local", "evalue": 0.05, "outfmt": 5},
    query_name="query_blob_url",
    id_name="id",
    polls="operation_status_url",
    sentence=as_newer,
    cancels_with={},
    uploads_forms=True,
)
NEWEST = Client(
    "jobs",
    {
        "program": "blastn",
        "db": "16S",
        "cluster_name": "local",
        "job_title": "mine",
        "evalue": 0.05,
        "options": {"outfmt": 5},
        "colour": "red",
    },
    query_name="query_fasta",
    id_name="job_id",
    polls="operation_status_url",
    sentence=as_newest,
    cancels_with={},
)
by_every_generation = pytest.mark.parametrize(
    "client", [OLDEST, NEWER, NEWEST], ids=["oldest", "newer", "newest"]
)


def send_request(
    app: RunningApp, method: str, path: str, body: bytes | None = None, **headers: str
) -> urllib3.BaseHTTPResponse:
    """Send a request with the headers of every client: a token and a request id."""
    all_headers = {
        "authorization": "Bearer whatever",
        "content_type": "application/json",
        "x_client_request_id": str(uuid.uuid4()),
        **headers,
    }
    return app.ask(method, path, body, **all_headers)


def send_json(
    app: RunningApp, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, Any]:
    """Send a JSON request; return status and body."""
    data = None if body is None else json.dumps(body).encode()
    answer = send_request(app, method, path, data, **headers)
    assert answer.headers["Cache-Control"] == "no-store" or answer.headers["ETag"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    return answer.status, json.loads(answer.data)


def ok(answer: tuple[int, Any], status: int = 200) -> dict[str, Any]:
    """Check the status and return the body."""
    assert answer[0] == status, answer[1]
    body: dict[str, Any] = answer[1]
    return body


def send_and_disconnect(app: RunningApp, path: str, body: bytes, request_id: str) -> None:
    """Send a complete request and close the connection before the response."""
    address = urlsplit(app.url)
    head = (
        f"POST /api/{path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"x-client-request-id: {request_id}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port or 80), timeout=10) as connection:
        connection.sendall(head.encode() + body)


async def store_job(app: RunningApp, phase: Phase, db: str = "16S", **changes: Any) -> str:
    """A job in a phase, written to the store; it does not progress."""
    number = uuid.uuid4().int
    url = app.account.url("queries", f"{number}.fa")
    ini = app.account.url("queries", f"{number}.ini")
    await app.blobs.put(url, FASTA.encode())
    await app.blobs.put(ini, b"[cluster]\nname = local\n")
    root = app.account.url("results", "").rstrip("/")
    asked_for = search(database=db, query_url=url, results_url=root, options="-outfmt 6")
    stored = job(number, owner=LOCAL, phase=phase, search=asked_for, config_blob=ini, **changes)
    return (await app.jobs.create(stored, {})).job_id


async def store_completed_job(app: RunningApp) -> str:
    """A completed job with one file of one hit."""
    job_id = await store_job(app, Phase.COMPLETED)
    completed, data = await app.jobs.get(job_id), gzip.compress(HITS)
    file_entry = {
        "file_id": file_id(FILE),
        "name": FILE,
        "size": len(data),
        "last_modified": "2026-11-23T12:00:00+00:00",
        "format": "outfmt 6, gzip",
        "source": "elastic-blast",
    }
    await app.blobs.put(completed.results_prefix + FILE, data)
    await app.blobs.put(
        completed.results_prefix + MANIFEST, json.dumps({"files": [file_entry]}).encode()
    )
    await index_hits(app.blobs, completed)
    return job_id
