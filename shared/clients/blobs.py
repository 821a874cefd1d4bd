"""Azure Blob, spoken to by the URLs that the product uses everywhere."""

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

from shared.clients.azure_errors import CLIENT_OPTIONS, is_no_blob, translate_errors
from shared.contracts.storage_urls import StorageAccount
from shared.errors import NotFound, Unavailable

EMPTY = 416
"""The status of a range from the first byte on, where there is none."""
CHUNK = 4 * 1024**2
"""Bytes that are asked for at once, each within the near patience."""


@dataclass(frozen=True)
class Version:
    """What a blob is at the moment: its bytes change only together with its `etag`."""

    size: int
    etag: str
    """With its quotes, as HTTP headers have it."""


@dataclass(frozen=True)
class BlobInfo:
    """A blob as a list shows it; `name` is relative to the prefix that was listed."""

    name: str
    size: int
    modified: datetime


class Blobs:
    """The blobs of one account. Every method raises Unavailable when it cannot be asked."""

    def __init__(self, service: BlobServiceClient, account: StorageAccount) -> None:
        self._service = service
        self._account = account

    def ensure(self, *containers: str) -> None:
        """Create the containers unless they exist."""
        for container in containers:
            with translate_errors("Blob"):
                try:
                    self._service.create_container(container)
                except ResourceExistsError:
                    continue

    def put(self, url: str, data: bytes) -> None:
        """Write a blob, over whatever was there."""
        with translate_errors("Blob"):
            self._at(url).upload_blob(data, overwrite=True)

    def put_if_absent(self, url: str, data: bytes) -> bytes:
        """Write a blob unless there is one; what is there in the end. The first writer wins."""
        with translate_errors("Blob"):
            try:
                self._at(url).upload_blob(data, overwrite=False)
            except ResourceExistsError:
                return self._at(url).download_blob().readall()
        return data

    def get(self, url: str) -> bytes | None:
        """The whole blob, or None. For small ones: markers, configs, manifests."""
        with translate_errors("Blob"):
            try:
                return self._at(url).download_blob().readall()
            except ResourceNotFoundError as error:
                if is_no_blob(error):
                    return None
                raise

    def read_prefix(self, url: str, most: int) -> tuple[bytes, int] | None:
        """At most so many bytes of a blob's beginning, and the size of it all; or None."""
        with translate_errors("Blob"):
            try:
                found = self._at(url).download_blob(offset=0, length=most)
                data = found.readall()
            except ResourceNotFoundError as error:
                if is_no_blob(error):
                    return None
                raise
            except HttpResponseError as error:
                if error.status_code == EMPTY:
                    return b"", 0
                raise
        # `properties.size` is that of the part; `bytes 0-9/200` says how much there is.
        whole = found.properties.content_range or ""
        return data, int(whole.rpartition("/")[2]) if len(data) == most else len(data)

    def missing_containers(self, *containers: str) -> list[str]:
        """Those of the containers that are not there."""
        with translate_errors("Blob"):
            return [
                name for name in containers if not self._service.get_container_client(name).exists()
            ]

    def version(self, url: str) -> Version | None:
        """What is there, or None."""
        with translate_errors("Blob"):
            try:
                found = self._at(url).get_blob_properties()
            except ResourceNotFoundError as error:
                if is_no_blob(error):
                    return None
                raise
        return Version(found.size, str(found.etag))

    def read_range(self, url: str, version: Version, start: int, end: int) -> bytes:
        """The bytes from `start` up to `end`. Raises NotFound, and Unavailable once it changed."""
        if start >= end:
            return b""
        with _as_it_was(url), translate_errors("Blob"):
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
        """The whole blob, CHUNK by CHUNK as it is read on. Raises as `part` does."""
        with _as_it_was(url), translate_errors("Blob"):
            yield from self._at(url).download_blob(decompress=False).chunks()

    def exists(self, url: str) -> bool:
        return self.version(url) is not None

    def list(self, prefix: str) -> list[BlobInfo]:
        """The blobs below a prefix that ends with a slash."""
        if not prefix.endswith("/"):
            raise ValueError(f"{prefix} would list the blobs of others too: a prefix ends with /")
        container, path = self._account.split(prefix)
        with translate_errors("Blob"):
            found = self._service.get_container_client(container).list_blobs(name_starts_with=path)
            return [
                BlobInfo(blob.name.removeprefix(path), blob.size or 0, blob.last_modified)
                for blob in found
            ]

    def _at(self, url: str) -> BlobClient:
        container, path = self._account.split(url)
        return self._service.get_blob_client(container, path)


@contextmanager
def _as_it_was(url: str) -> Iterator[None]:
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
    """The account's blobs: by connection string if there is one, else by identity."""
    options = CLIENT_OPTIONS | {"max_single_get_size": CHUNK, "max_chunk_get_size": CHUNK}
    service = (
        BlobServiceClient.from_connection_string(connection, **options)
        if connection
        else BlobServiceClient(f"https://{account.host}", credential=credential, **options)
    )
    return Blobs(service, account)
