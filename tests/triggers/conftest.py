"""HTTP handlers over dependencies on Azurite, called like the worker calls them."""

import asyncio
import gzip
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from azure.functions import HttpRequest, HttpResponse
from azure.storage.blob import BlobServiceClient

from local.azurite import ACCOUNT, Azurite
from shared.blast.result_files import MANIFEST, manifest_entry
from shared.clients.blobs import BlobInfo
from shared.contracts.job import Caller, Job
from shared.contracts.states import Phase
from shared.dependencies import Dependencies
from shared.hits.formats import is_readable
from shared.results.manifest import dump_manifest
from tests.support.dependencies import opened
from tests.support.hit_index import index_hits
from tests.support.samples import NOON, job, search
from triggers.auth.callers import LOCAL
from triggers.http.responses import Handler
from triggers.http.services import HttpServices


@dataclass(frozen=True)
class Store:
    """Jobs with results, and requests about them."""

    services: HttpServices

    @property
    def clients(self) -> Dependencies:
        return self.services.clients

    async def completed(
        self, files: dict[str, bytes], outfmt: str = "6", owner: Caller = LOCAL, **changes: Any
    ) -> Job:
        """A completed job with these files, whose hits are indexed if they can be."""
        stored = await self.unindexed(files, outfmt, owner, **changes)
        if is_readable(outfmt):
            await index_hits(self.clients.blobs, stored)
        return stored

    async def unindexed(
        self, files: dict[str, bytes], outfmt: str = "6", owner: Caller = LOCAL, **changes: Any
    ) -> Job:
        """A completed job with these files; they are gzipped if they are not yet."""
        kept = search(
            results_url=f"https://{ACCOUNT}.blob.core.windows.net/results",
            options=f"-outfmt {outfmt}",
        )
        stored = job(uuid.uuid4().int, owner=owner, search=kept, phase=Phase.COMPLETED, **changes)
        await self.clients.jobs.create(stored, {})
        packed = {
            name: data if data.startswith(b"\x1f\x8b") else gzip.compress(data, mtime=0)
            for name, data in files.items()
        }
        for name, data in packed.items():
            await self.clients.blobs.put(stored.results_prefix + name, data)
        listed = [BlobInfo(name, len(data), NOON) for name, data in packed.items()]
        manifest = dump_manifest(stored, [manifest_entry(file, kept) for file in listed])
        await self.clients.blobs.put(stored.results_prefix + MANIFEST, manifest)
        return stored

    def lose(self, stored: Job, name: str) -> None:
        """Delete a file of the job."""
        path = f"{stored.elb_job_id}/{name}"
        connection = self.clients.settings.storage_connection_string
        with BlobServiceClient.from_connection_string(connection) as service:
            service.get_blob_client("results", path).delete_blob()

    async def finish_indexing(self) -> None:
        """Wait for the indexing that requests have started."""
        await asyncio.gather(*self.clients.hit_indexes._tasks.values())

    async def ask(
        self,
        handler: Handler,
        stored: Job,
        file_id: str = "",
        headers: dict[str, str] | None = None,
        **query: str,
    ) -> HttpResponse:
        """Return the handler's response to a GET for the job."""
        return await handler(
            self.services,
            req=HttpRequest(
                "GET",
                "http://127.0.0.1:7071/api/blast/jobs/x/results",
                headers=headers or {},
                params=query,
                route_params={"id": stored.job_id, "file_id": file_id},
                body=b"",
            ),
        )


@pytest.fixture(scope="module")
async def store(azurite: Azurite) -> AsyncIterator[Store]:
    """The handlers' services, closed afterwards."""
    async with opened(azurite) as clients:
        yield Store(HttpServices(clients))


def body(answer: HttpResponse) -> dict[str, Any]:
    """Return the JSON of a successful response."""
    assert answer.status_code == 200, answer.get_body()
    result: dict[str, Any] = json.loads(answer.get_body())
    return result


def refused(answer: HttpResponse) -> tuple[int, str]:
    """Return status and code of an error."""
    return answer.status_code, json.loads(answer.get_body())["detail"]["code"]
