"""An HTTP client of the API, for the demo and the tests."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import urllib3

TIMEOUT = urllib3.Timeout(connect=5, read=60)


class RequestRejected(Exception):
    """A response with a status of 400 or more, with its body."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


@dataclass(frozen=True)
class Api:
    """The API at `url`, such as http://127.0.0.1:7071. Every method raises RequestRejected."""

    url: str
    _pool: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(timeout=TIMEOUT, retries=False), repr=False
    )

    def ready(self) -> dict[str, Any]:
        """The state of each dependency. RequestRejected, 503, if one does not answer."""
        return self._json("GET", "/api/health/ready")

    def submit(self, body: dict[str, Any], **headers: str) -> dict[str, Any]:
        return self._json("POST", "/api/blast/jobs", body, headers)

    def job(self, job_id: str) -> dict[str, Any]:
        return self._json("GET", f"/api/blast/jobs/{job_id}")

    def get(self, path: str) -> dict[str, Any]:
        """GET a path that the API returned in a link."""
        return self._json("GET", path)

    def jobs(self, **query: object) -> dict[str, Any]:
        return self._json("GET", f"/api/blast/jobs?{urlencode(query)}")

    def children(self, job_id: str, **query: object) -> dict[str, Any]:
        return self._json("GET", f"/api/blast/jobs/{job_id}/children?{urlencode(query)}")

    def events(self, job_id: str, after: int = 0) -> list[dict[str, Any]]:
        path = f"/api/blast/jobs/{job_id}/events?after={after}"
        events: list[dict[str, Any]] = self._json("GET", path)["events"]
        return events

    def cancel(self, job_id: str) -> dict[str, Any]:
        return self._json("POST", f"/api/blast/jobs/{job_id}/cancel", {})

    def delete(self, job_id: str) -> dict[str, Any]:
        return self._json("DELETE", f"/api/blast/jobs/{job_id}")

    def retry(self, job_id: str, **headers: str) -> dict[str, Any]:
        return self._json("POST", f"/api/blast/jobs/{job_id}/retry", {}, headers)

    def results(self, job_id: str) -> dict[str, Any]:
        return self._json("GET", f"/api/blast/jobs/{job_id}/results")

    def files(self, job_id: str) -> Iterator[tuple[str, bytes]]:
        """Name and bytes of each result file, in the order of the batches."""
        for file in sorted(self.results(job_id)["files"], key=lambda file: str(file["name"])):
            path = f"/api/blast/jobs/{job_id}/results/{file['file_id']}"
            yield file["name"], self._call("GET", path).data

    def _json(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        response: dict[str, Any] = json.loads(self._call(method, path, body, headers).data)
        return response

    def _call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> urllib3.BaseHTTPResponse:
        data = None if body is None else json.dumps(body)
        content_type = {"Content-Type": "application/json"} if data else {}
        response = self._pool.request(
            method, self.url + path, body=data, headers=content_type | (headers or {})
        )
        if response.status >= 400:
            raise RequestRejected(response.status, _readable(response.data))
        return response


def _readable(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")
