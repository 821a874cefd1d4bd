"""Reads and writes blobs by their Azure URL in the local storage."""

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobServiceClient, ContainerClient

from local.elastic_blast.environment import Environment
from local.elastic_blast.transfer import parse_blob_url

CONNECT_SECONDS = 5
READ_SECONDS = 60
"""Between two bytes; a whole operation takes at most OPERATION_SECONDS."""
OPERATION_SECONDS = 120


@dataclass(frozen=True)
class AccountBlobs:
    """The account's blobs. URLs are `https://<account>.blob.<suffix>/<container>/<path>`."""

    account: str
    service: BlobServiceClient

    @staticmethod
    def of(environment: Environment) -> "AccountBlobs":
        service = BlobServiceClient(
            environment.blob_endpoint,
            credential={
                "account_name": environment.account,
                "account_key": environment.account_key,
            },
            connection_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retry_total=3,
        )
        return AccountBlobs(environment.account, service)

    def exists(self, url: str) -> bool:
        return self._blob(url).exists(timeout=OPERATION_SECONDS)

    def read(self, url: str) -> bytes | None:
        """The blob's bytes, or None if it does not exist. Raises ForeignUrl."""
        try:
            return self._blob(url).download_blob(timeout=OPERATION_SECONDS).readall()
        except ResourceNotFoundError:
            return None

    def write(self, url: str, data: bytes) -> None:
        """Create or replace the blob. Raises ForeignUrl."""
        self._blob(url).upload_blob(data, overwrite=True, timeout=OPERATION_SECONDS)

    def with_prefix(self, url: str) -> dict[str, str]:
        """URL and ETag of each blob whose URL begins with `url`."""
        container, path = self._parts(url)
        blobs = container.list_blobs(name_starts_with=path, timeout=OPERATION_SECONDS)
        root = f"https://{urlsplit(url).netloc}/{container.container_name}"
        try:
            return {f"{root}/{quote(blob.name)}": str(blob.etag) for blob in blobs}
        except ResourceNotFoundError:
            return {}

    def _blob(self, url: str) -> BlobClient:
        container, path = self._parts(url)
        return container.get_blob_client(path)

    def _parts(self, url: str) -> tuple[ContainerClient, str]:
        container, path = parse_blob_url(self.account, url)
        return self.service.get_container_client(container), path
