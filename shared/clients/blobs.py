"""Azure Blob Storage, addressed by blob URLs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from azure.core import MatchConditions
from azure.core.credentials import TokenCredential
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobClient, BlobServiceClient

from shared.clients.azure_errors import CLIENT_OPTIONS, is_blob_missing, translate_errors
from shared.contracts.storage_urls import StorageAccount
from shared.errors import NotFound, Unavailable

RANGE_NOT_SATISFIABLE = 416
"""HTTP status of a range request on an empty blob."""
CHUNK = 4 * 1024**2
"""Bytes per request; the timeouts of CLIENT_OPTIONS apply to each request."""


@dataclass(frozen=True)
class Version:
    """One version of a blob. Its content changes only together with its `etag`."""

    size: int
    etag: str
    """Including the quotes, as in HTTP headers."""


@dataclass(frozen=True)
class BlobInfo:
    """An entry of a blob list; `name` is relative to the listed prefix."""

    name: str
    size: int
    modified: datetime


class Blobs:
    """The blobs of one account. Every method raises Unavailable if storage does not answer."""

    def __init__(self, service: BlobServiceClient, account: StorageAccount) -> None:
        self._service = service
        self._account = account

    def close(self) -> None:
        """Close the connections."""
        self._service.close()

    def ensure(self, *containers: str) -> None:
        """Create the containers that do not exist."""
        for container in containers:
            with translate_errors("Blob"):
                try:
                    self._service.create_container(container)
                except ResourceExistsError:
                    continue

    def put(self, url: str, data: bytes) -> None:
        """Write a blob, or overwrite it."""
        with translate_errors("Blob"):
            self._at(url).upload_blob(data, overwrite=True)

    def put_if_absent(self, url: str, data: bytes) -> bytes:
        """Write a blob unless it exists. Returns its content afterwards: the first writer wins."""
        with translate_errors("Blob"):
            try:
                self._at(url).upload_blob(data, overwrite=False)
            except ResourceExistsError:
                return self._at(url).download_blob().readall()
        return data

    def get(self, url: str) -> bytes | None:
        """The whole blob, or None if it does not exist. For small blobs, such as markers."""
        with translate_errors("Blob"):
            try:
                return self._at(url).download_blob().readall()
            except ResourceNotFoundError as error:
                if is_blob_missing(error):
                    return None
                raise

    def read_prefix(self, url: str, max_bytes: int) -> tuple[bytes, int] | None:
        """The first `max_bytes` bytes of a blob, and its size; None if it does not exist."""
        with translate_errors("Blob"):
            try:
                download = self._at(url).download_blob(offset=0, length=max_bytes)
                data = download.readall()
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

    def missing_containers(self, *containers: str) -> list[str]:
        """The containers that do not exist."""
        with translate_errors("Blob"):
            return [
                name for name in containers if not self._service.get_container_client(name).exists()
            ]

    def version(self, url: str) -> Version | None:
        """The blob's size and ETag, or None if it does not exist."""
        with translate_errors("Blob"):
            try:
                properties = self._at(url).get_blob_properties()
            except ResourceNotFoundError as error:
                if is_blob_missing(error):
                    return None
                raise
        return Version(properties.size, str(properties.etag))

    def read_range(self, url: str, version: Version, start: int, end: int) -> bytes:
        """Bytes `start` to `end` (exclusive) of this version.

        Raises NotFound if the blob is gone, and Unavailable if it has changed.
        """
        if start >= end:
            return b""
        with _unchanged(url), translate_errors("Blob"):
            return (
                self._at(url)
                .download_blob(
                    start,
                    end - start,
                    etag=version.etag,
                    match_condition=MatchConditions.IfNotModified,
                    max_concurrency=4,
                    decompress=False,
                )
                .readall()
            )

    def iter_chunks(self, url: str) -> Iterator[bytes]:
        """The whole blob in chunks of CHUNK bytes, read lazily. Raises as `read_range` does."""
        with _unchanged(url), translate_errors("Blob"):
            yield from self._at(url).download_blob(decompress=False).chunks()

    def exists(self, url: str) -> bool:
        return self.version(url) is not None

    def list(self, prefix: str) -> list[BlobInfo]:
        """All blobs below `prefix`, which must end with a slash (else ValueError)."""
        if not prefix.endswith("/"):
            raise ValueError(
                f"the prefix {prefix} must end with /, or it matches other jobs' blobs"
            )
        container, path = self._account.split(prefix)
        with translate_errors("Blob"):
            blobs = self._service.get_container_client(container).list_blobs(name_starts_with=path)
            return [
                BlobInfo(blob.name.removeprefix(path), blob.size or 0, blob.last_modified)
                for blob in blobs
            ]

    def _at(self, url: str) -> BlobClient:
        container, path = self._account.split(url)
        return self._service.get_blob_client(container, path)


@contextmanager
def _unchanged(url: str) -> Iterator[None]:
    name = url.rpartition("/")[2]
    try:
        yield
    except ResourceNotFoundError as error:
        raise NotFound("blob_gone", f"{name} is gone") from error
    except ResourceModifiedError as error:
        raise Unavailable("blob_changed", f"{name} changed while it was read") from error


def open_blobs(
    account: StorageAccount, connection: str, credential: TokenCredential | None
) -> Blobs:
    """A client that uses the connection string if there is one, else the credential."""
    options = CLIENT_OPTIONS | {"max_single_get_size": CHUNK, "max_chunk_get_size": CHUNK}
    service = (
        BlobServiceClient.from_connection_string(connection, **options)
        if connection
        else BlobServiceClient(f"https://{account.host}", credential=credential, **options)
    )
    return Blobs(service, account)
