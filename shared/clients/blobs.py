"""Azure Blob Storage, addressed by blob URLs."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

from azure.core import MatchConditions
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob.aio import BlobClient, BlobServiceClient

from shared.clients.azure_errors import (
    CALL_TIMEOUT,
    CLIENT_OPTIONS,
    TRANSFER_TIMEOUT,
    is_blob_missing,
    is_write_discarded,
    read_pages,
    storage_call,
)
from shared.clients.blob_values import BlobInfo as BlobInfo
from shared.clients.blob_values import Version as Version
from shared.clients.etags import quoted
from shared.contracts.storage_urls import StorageAccount
from shared.errors import NotFound, Unavailable
from shared.last_step import followed_by
from shared.util.threads import in_thread

RANGE_NOT_SATISFIABLE = 416
"""HTTP status of a range request on an empty blob."""
CHUNK = 4 * 1024**2
"""Bytes per request that reads; the timeouts of CLIENT_OPTIONS apply to each request."""
FILE_TIMEOUT, SLOWEST_WRITE = 240.0, 8 * 1024**2
"""Seconds for writing a whole file, and the bytes of a larger one that take a second each."""
WRITTEN_CHUNK = 1024**2
"""Bytes per request that writes: more at once would block the event loop."""
Content = bytes | AsyncIterator[bytes]


class Blobs:
    """The blobs of one account. Every method raises Unavailable if storage does not answer."""

    def __init__(
        self,
        service: BlobServiceClient,
        account: StorageAccount,
        create_on_first_use: Sequence[str] = (),
    ) -> None:
        """`create_on_first_use` names containers."""
        self._service = service
        self._account = account
        self._must_create = create_on_first_use

    async def aclose(self) -> None:
        """Close the connections."""
        await self._service.close()

    async def ensure(self, *containers: str) -> None:
        """Create the containers that do not exist."""
        for container in containers:
            async with storage_call("Blob"):
                with suppress(ResourceExistsError):
                    await self._service.create_container(container)

    async def put(self, url: str, data: bytes) -> None:
        """Write a blob, or overwrite it. Of several writers at once, one has written the last."""
        await self._upload(url, data, TRANSFER_TIMEOUT, overwrite=True)

    async def put_file_if_absent(self, url: str, path: Path) -> None:
        """Write a blob from a file, WRITTEN_CHUNK bytes at a time, unless the blob exists.

        The first writer wins, so that no version is replaced while it is read.
        """
        size = (await in_thread(path.stat)).st_size
        timeout = max(FILE_TIMEOUT, size / SLOWEST_WRITE)
        await self._upload(url, _read_file(path), timeout, overwrite=False)

    async def _upload(self, url: str, data: Content, timeout: float, *, overwrite: bool) -> bool:
        """False if another writer's content is there instead."""
        try:
            async with self._call(timeout):
                await self._at(url).upload_blob(data, overwrite=overwrite)
        except HttpResponseError as error:
            if isinstance(error, ResourceExistsError) and not overwrite:
                return False
            if not is_write_discarded(error):
                raise
            # What another writer has committed meanwhile counts as written after this.
            if not await self.exists(url):
                text = f"{_name(url)} was deleted while it was written"
                raise Unavailable("storage_unavailable", text) from error
            return False
        return True

    async def delete(self, url: str) -> None:
        """Delete a blob, if it exists."""
        async with self._call():
            try:
                await self._at(url).delete_blob()
            except ResourceNotFoundError as error:
                if not is_blob_missing(error):
                    raise

    async def put_if_absent(self, url: str, data: bytes) -> bytes:
        """Write a blob unless it exists. Returns its content afterwards: the first writer wins."""
        if await self._upload(url, data, TRANSFER_TIMEOUT, overwrite=False):
            return data
        async with self._call(TRANSFER_TIMEOUT):
            return await self._read_all(url)

    async def replace(self, url: str, version: Version, data: bytes) -> bool:
        """Write a blob in place of this version. False if it has changed or is gone: then the blob
        stays as it is."""
        unchanged = MatchConditions.IfNotModified
        try:
            async with self._call(TRANSFER_TIMEOUT):
                await self._at(url).upload_blob(
                    data, overwrite=True, etag=version.etag, match_condition=unchanged
                )
        except (ResourceModifiedError, ResourceNotFoundError):
            return False
        return True

    async def get(self, url: str) -> bytes | None:
        """The whole blob, or None if it does not exist. For small blobs, such as markers."""
        async with self._call(TRANSFER_TIMEOUT):
            try:
                return await self._read_all(url)
            except ResourceNotFoundError as error:
                if is_blob_missing(error):
                    return None
                raise

    async def read_prefix(self, url: str, max_bytes: int) -> tuple[bytes, int] | None:
        """The first `max_bytes` bytes of a blob, and its size; None if it does not exist."""
        async with self._call():
            try:
                download = await self._at(url).download_blob(offset=0, length=max_bytes)
                data = await download.readall()
            except ResourceNotFoundError as error:
                if is_blob_missing(error):
                    return None
                raise
            except HttpResponseError as error:
                if error.status_code == RANGE_NOT_SATISFIABLE:
                    return b"", 0
                raise
        # `properties.size` is that of the range; the whole size is in `bytes 0-9/200`.
        content_range = download.properties.content_range or ""
        is_cut = len(data) == max_bytes
        return data, int(content_range.rpartition("/")[2]) if is_cut else len(data)

    async def missing_containers(self, *containers: str) -> list[str]:
        """The containers that do not exist."""
        async with self._call():
            client_of = self._service.get_container_client
            return [name for name in containers if not await client_of(name).exists()]

    async def version(self, url: str) -> Version | None:
        """The blob's size and ETag, or None if it does not exist."""
        async with self._call():
            try:
                properties = await self._at(url).get_blob_properties()
            except ResourceNotFoundError as error:
                if is_blob_missing(error):
                    return None
                raise
        return Version(properties.size, quoted(properties.etag))

    async def read_range(self, url: str, version: Version, start: int, end: int) -> bytes:
        """Bytes `start` to `end` (exclusive) of this version.

        Raises NotFound if the blob is gone, and Unavailable if it has changed.
        """
        if start >= end:
            return b""
        with _unchanged(url):
            async with self._call(TRANSFER_TIMEOUT):
                download = await self._at(url).download_blob(
                    start,
                    end - start,
                    etag=version.etag,
                    match_condition=MatchConditions.IfNotModified,
                    max_concurrency=4,
                    decompress=False,
                )
                return await download.readall()

    async def iter_chunks(self, url: str, etag: str = "") -> AsyncGenerator[bytes, None]:
        """The whole blob in chunks of CHUNK bytes, read lazily; with an ETag, this version.

        Raises as `read_range` does.
        """
        match = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
        condition: dict[str, Any] = match if etag else {}
        with _unchanged(url):
            async with self._call():
                download = await self._at(url).download_blob(decompress=False, **condition)
            chunks = aiter(download.chunks())
            while True:
                async with self._call():
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return
                yield chunk

    async def exists(self, url: str) -> bool:
        return await self.version(url) is not None

    async def list(self, prefix: str) -> list[BlobInfo]:
        """All blobs below `prefix`, which must end with a slash (else ValueError)."""
        if not prefix.endswith("/"):
            raise ValueError(
                f"the prefix {prefix} must end with /, or it matches other jobs' blobs"
            )
        await self._create()
        container, path = self._account.split(prefix)
        blobs = self._service.get_container_client(container).list_blobs(name_starts_with=path)
        return [
            BlobInfo(
                blob.name.removeprefix(path), blob.size or 0, blob.last_modified, quoted(blob.etag)
            )
            async for page in read_pages("Blob", blobs)
            for blob in page
        ]

    @asynccontextmanager
    async def _call(self, timeout: float = CALL_TIMEOUT) -> AsyncIterator[None]:
        """Around each call: see `storage_call`."""
        await self._create()
        async with storage_call("Blob", timeout):
            yield

    async def _create(self) -> None:
        if self._must_create:
            await self.ensure(*self._must_create)
            self._must_create = ()

    async def _read_all(self, url: str) -> bytes:
        download = await self._at(url).download_blob()
        return await download.readall()

    def _at(self, url: str) -> BlobClient:
        container, path = self._account.split(url)
        return self._service.get_blob_client(container, path)


async def _read_file(path: Path) -> AsyncGenerator[bytes, None]:
    """A file in chunks, read beside the event loop."""
    file = await in_thread(path.open, "rb")
    async with followed_by(lambda: in_thread(file.close), "close_file"):
        while chunk := await in_thread(file.read, WRITTEN_CHUNK):
            yield chunk


@contextmanager
def _unchanged(url: str) -> Iterator[None]:
    name = _name(url)
    try:
        yield
    except ResourceNotFoundError as error:
        raise NotFound("blob_gone", f"{name} is gone") from error
    except ResourceModifiedError as error:
        raise Unavailable("blob_changed", f"{name} changed while it was read") from error


def _name(url: str) -> str:
    return url.rpartition("/")[2]


def open_blobs(
    account: StorageAccount,
    connection: str,
    credential: AsyncTokenCredential | None,
    *,
    create_on_first_use: Sequence[str] = (),
) -> Blobs:
    """A client that uses the connection string if there is one, else the credential."""
    options = CLIENT_OPTIONS | {
        "max_single_get_size": CHUNK,
        "max_chunk_get_size": CHUNK,
        "max_single_put_size": WRITTEN_CHUNK,
        "max_block_size": WRITTEN_CHUNK,
    }
    service = (
        BlobServiceClient.from_connection_string(connection, **options)
        if connection
        else BlobServiceClient(f"https://{account.host}", credential=credential, **options)
    )
    return Blobs(service, account, create_on_first_use)
