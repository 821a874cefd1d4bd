"""The clients: `Client` blocks, `AsyncClient` is for asyncio; both have the same methods."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from elastic_blast_client import api, frames
from elastic_blast_client.flows import Flow, OnProgress, OnRetry, Run, Send, Wait
from elastic_blast_client.models import Job, ResultFile

T = TypeVar("T")
Credential = str | Callable[[], str] | None
"""An access token, a function that returns a current one, or None for the local mode."""
TIMEOUT = httpx.Timeout(60, connect=5)


def _base(url: str) -> str:
    return f"{url.rstrip('/').removesuffix('/api')}/api/"


class _Client:
    """What both clients share."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential
        self.on_retry: OnRetry | None = None
        """Can be set, to tell a person why a call takes long."""

    def _wait(self, step: Wait) -> float:
        """The seconds to sleep."""
        if step.error and self.on_retry:
            self.on_retry(step.error, step.tries)
        return step.seconds

    def _request(self, http: httpx.Client | httpx.AsyncClient, sent: Send) -> httpx.Request:
        token = self._credential() if callable(self._credential) else self._credential
        headers = {**sent.headers, **({"Authorization": f"Bearer {token}"} if token else {})}
        params = {name: value for name, value in sent.params.items() if value is not None}
        return http.build_request(
            sent.method, sent.path, params=params, json=sent.json, headers=headers
        )


class Client(_Client):
    """A client of the API at `url`, such as `http://127.0.0.1:7071`."""

    def __init__(
        self,
        url: str,
        credential: Credential = None,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(credential)
        self._http = httpx.Client(base_url=_base(url), timeout=TIMEOUT, transport=transport)
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def submit(
        self, program: str, db: str, query: str, *, key: str | None = None, **options: Any
    ) -> Job:
        """Submit a search. It is run once, however often it is sent under its idempotency key."""
        return self._run(api.submit(api.search_body(program, db, query, **options), key))

    def submit_batch(
        self, searches: Sequence[Mapping[str, Any]], *, key: str | None = None, **shared: Any
    ) -> Job:
        """Submit many searches as one job, whose `children` they are."""
        return self._run(api.submit(api.batch_body(searches, **shared), key))

    def wait(
        self, job_id: str, on_progress: OnProgress | None = None, *, check: bool = True
    ) -> Job:
        """Wait until it has ended; `on_progress` is called for each change. Raises SearchFailed."""
        return self._run(api.wait(job_id, on_progress, check))

    def show(self, job_id: str) -> Job:
        return self._run(api.show(job_id))

    def list(self, limit: int = 50, **filters: Any) -> list[Job]:
        """The newest jobs, filtered by `status`, `program` or `db`."""
        return self._run(api.list_jobs("list", "", {"limit": limit, **filters}))[0]

    def children(self, job_id: str) -> Iterator[Job]:
        """The searches of a batch, in its order."""
        cursor = ""
        while True:
            params = {"limit": api.PAGE_SIZE, "cursor": cursor or None}
            jobs, cursor = self._run(api.list_jobs("children", job_id, params))
            yield from jobs
            if not cursor:
                return

    def cancel(self, job_id: str) -> str:
        """Cancel it; `cancelled` is returned once nothing of it is left, else `cancelling`."""
        return self._run(api.cancel(job_id))

    def results(self, job_id: str) -> Sequence[ResultFile]:
        return self._run(api.results(job_id))

    def hits(self, job_id: str, *, page_size: int = api.PAGE_SIZE, **filters: Any) -> Iterator[Any]:
        """All hits as dictionaries, a page at a time; filters have the names of the API.

        Raises HitsMissing if a file cannot be read, unless the filter `file` names one.
        """
        page = pages = 1
        while page <= pages:
            rows, pages = self._run(api.hits_page(job_id, page, page_size, filters))
            yield from rows
            page += 1

    def hits_pandas(self, job_id: str, **filters: Any) -> Any:
        """The hits as a DataFrame of pandas. Raises ImportError without it."""
        return frames.to_pandas(list(self.hits(job_id, **filters)))

    def hits_polars(self, job_id: str, **filters: Any) -> Any:
        """The hits as a DataFrame of polars. Raises ImportError without it."""
        return frames.to_polars(list(self.hits(job_id, **filters)))

    def download(self, job_id: str, name_or_id: str, target: str | Path) -> Path:
        """Download a result file; an earlier download that was cut goes on."""
        return self._run(api.download(job_id, name_or_id, Path(target)))

    def export(self, job_id: str, target: str | Path, form: str = "csv", **filters: Any) -> Path:
        """Write the hits as `csv`, `tsv`, `json`, `jsonl` or `parquet`, of any size."""
        return self._run(api.export(job_id, Path(target), form, filters))

    def databases(self) -> Sequence[dict[str, Any]]:
        return self._run(api.databases())

    def _run(self, flow: Flow[T]) -> T:
        answer: Any = None
        error: httpx.TransportError | None = None
        while True:
            try:
                step = flow.throw(error) if error else flow.send(answer)
            except StopIteration as end:
                result: T = end.value
                return result
            answer, error = None, None
            match step:
                case Send():
                    try:
                        answer = self._http.send(self._request(self._http, step))
                    except httpx.TransportError as raised:
                        error = raised
                case Wait():
                    self._sleep(self._wait(step))
                case Run():
                    answer = step.function()


class AsyncClient(_Client):
    """The same for asyncio."""

    def __init__(
        self,
        url: str,
        credential: Credential = None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        super().__init__(credential)
        self._http = httpx.AsyncClient(base_url=_base(url), timeout=TIMEOUT, transport=transport)
        self._sleep = sleep

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def submit(
        self, program: str, db: str, query: str, *, key: str | None = None, **options: Any
    ) -> Job:
        """See Client.submit."""
        return await self._run(api.submit(api.search_body(program, db, query, **options), key))

    async def submit_batch(
        self, searches: Sequence[Mapping[str, Any]], *, key: str | None = None, **shared: Any
    ) -> Job:
        """See Client.submit_batch."""
        return await self._run(api.submit(api.batch_body(searches, **shared), key))

    async def wait(
        self, job_id: str, on_progress: OnProgress | None = None, *, check: bool = True
    ) -> Job:
        """See Client.wait."""
        return await self._run(api.wait(job_id, on_progress, check))

    async def show(self, job_id: str) -> Job:
        return await self._run(api.show(job_id))

    async def list(self, limit: int = 50, **filters: Any) -> Sequence[Job]:
        """See Client.list."""
        return (await self._run(api.list_jobs("list", "", {"limit": limit, **filters})))[0]

    async def children(self, job_id: str) -> AsyncIterator[Job]:
        """See Client.children."""
        cursor = ""
        while True:
            params = {"limit": api.PAGE_SIZE, "cursor": cursor or None}
            jobs, cursor = await self._run(api.list_jobs("children", job_id, params))
            for job in jobs:
                yield job
            if not cursor:
                return

    async def cancel(self, job_id: str) -> str:
        """See Client.cancel."""
        return await self._run(api.cancel(job_id))

    async def results(self, job_id: str) -> Sequence[ResultFile]:
        return await self._run(api.results(job_id))

    async def hits(
        self, job_id: str, *, page_size: int = api.PAGE_SIZE, **filters: Any
    ) -> AsyncIterator[Any]:
        """See Client.hits."""
        page = pages = 1
        while page <= pages:
            rows, pages = await self._run(api.hits_page(job_id, page, page_size, filters))
            for row in rows:
                yield row
            page += 1

    async def hits_pandas(self, job_id: str, **filters: Any) -> Any:
        """See Client.hits_pandas."""
        return frames.to_pandas([row async for row in self.hits(job_id, **filters)])

    async def hits_polars(self, job_id: str, **filters: Any) -> Any:
        """See Client.hits_polars."""
        return frames.to_polars([row async for row in self.hits(job_id, **filters)])

    async def download(self, job_id: str, name_or_id: str, target: str | Path) -> Path:
        """See Client.download."""
        return await self._run(api.download(job_id, name_or_id, Path(target)))

    async def export(
        self, job_id: str, target: str | Path, form: str = "csv", **filters: Any
    ) -> Path:
        """See Client.export."""
        return await self._run(api.export(job_id, Path(target), form, filters))

    async def databases(self) -> Sequence[dict[str, Any]]:
        return await self._run(api.databases())

    async def _run(self, flow: Flow[T]) -> T:
        answer: Any = None
        error: httpx.TransportError | None = None
        while True:
            try:
                step = flow.throw(error) if error else flow.send(answer)
            except StopIteration as end:
                result: T = end.value
                return result
            answer, error = None, None
            match step:
                case Send():
                    try:
                        answer = await self._http.send(self._request(self._http, step))
                    except httpx.TransportError as raised:
                        error = raised
                case Wait():
                    await self._sleep(self._wait(step))
                case Run():
                    answer = await asyncio.to_thread(step.function)
