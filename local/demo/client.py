"""The HTTP API, as the demo and the tests use it: the way any client would."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import urllib3

TIMEOUT = urllib3.Timeout(connect=5, read=60)


class RequestRejected(Exception):
    """An answer that is no success, with its status and body."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


@dataclass(frozen=True)
class Api:
    """The API at `url`, such as http://127.0.0.1:7071. Every method raises Refused."""

    url: str
    _pool: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(timeout=TIMEOUT, retries=False), repr=False
    )

    def submit(self, body: dict[str, Any], **headers: str) -> dict[str, Any]:
        return self._json("POST", "/api/blast/jobs", body, headers)

    def job(self, job_id: str) -> dict[str, Any]:
        return self._json("GET", f"/api/blast/jobs/{job_id}")

    def get(self, path: str) -> dict[str, Any]:
        """Any address that the API itself named."""
        return self._json("GET", path)

    def jobs(self, **query: object) -> dict[str, Any]:
        return self._json("GET", f"/api/blast/jobs?{urlencode(query)}")

    def children(self, job_id: str, **query: object) -> dict[str, Any]:
        return self._json("GET", f"/api/blast/jobs/{job_id}/children?{urlencode(query)}")

    def events(self, job_id: str, after: int = 0) -> list[dict[str, Any]]:
        path = f"/api/blast/jobs/{job_id}/events?after={after}"
        found: list[dict[str, Any]] = self._json("GET", path)["events"]
        return found

    def cancel(self, job_id: str) -> dict[str, Any]:
        return self._json("POST", f"/api/blast/jobs/{job_id}/cancel", {})

    def retry(self, job_id: str, **headers: str) -> dict[str, Any]:
        return self._json("POST", f"/api/blast/jobs/{job_id}/retry", {}, headers)

    def results(self, job_id: str) -> dict[str, Any]:
        return self._json("GET", f"/api/blast/jobs/{job_id}/results")

    def files(self, job_id: str) -> Iterator[tuple[str, bytes]]:
        """Each result file's name and bytes, in the order of their batches."""
        for file in sorted(self.results(job_id)["files"], key=lambda file: str(file["name"])):
            path = f"/api/blast/jobs/{job_id}/results/{file['file_id']}"
            yield file["name"], self._call("GET", path).data

    def _json(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._call(method, path, body, headers).data)
        return answer

    def _call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> urllib3.BaseHTTPResponse:
        data = None if body is None else json.dumps(body)
        sent = {"Content-Type": "application/json"} if data else {}
        answer = self._pool.request(
            method, self.url + path, body=data, headers=sent | (headers or {})
        )
        if answer.status >= 400:
            raise RequestRejected(answer.status, _readable(answer.data))
        return answer


def _readable(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")
