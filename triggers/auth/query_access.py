"""Access to query blobs: a caller's own uploads, its own jobs' queries, and shared blobs."""

import hashlib
import re
from dataclasses import dataclass

from shared.clients.blobs import Blobs, Version
from shared.contracts.job import Caller
from shared.contracts.storage_urls import QUERIES, StorageAccount
from shared.errors import NotFound
from shared.jobs import JobStateRepository
from triggers.auth.callers import require_owner

UPLOADS = "uploads"
_JOB_FOLDER = re.compile(r"job-[0-9a-f]{32}")


def upload_path(caller: Caller, data: bytes) -> str:
    """Return the blob path of a caller's upload; the same query always gets the same path.

    The name is our own: elastic-blast goes by it, unpacks `.gz` and `.tar`, and reads
    `.query-list` as a list of paths.
    """
    return f"{_folder(caller)}{hashlib.sha256(data).hexdigest()[:32]}/query.fa"


def is_private(account: StorageAccount, url: str) -> bool:
    """Whether only its owner can use the blob, and only the app writes it, once."""
    top = _path(account, url).partition("/")[0]
    return top == UPLOADS or _JOB_FOLDER.fullmatch(top) is not None


@dataclass(frozen=True)
class QueryAccess:
    """Access checks for blobs in the `queries` container. Every method raises Unavailable."""

    jobs: JobStateRepository
    blobs: Blobs
    account: StorageAccount

    async def version(self, caller: Caller, url: str) -> Version | None:
        """The blob's version; None if it does not exist or the caller may not search with it.

        Uploads and job folders belong to their owner; operators fill the rest of the container for
        all callers.
        """
        is_allowed = await self._is_allowed(caller, url)
        return await self.blobs.version(url) if is_allowed else None

    async def _is_allowed(self, caller: Caller, url: str) -> bool:
        path = _path(self.account, url)
        top = path.partition("/")[0]
        if top == UPLOADS:
            return path.startswith(_folder(caller))
        if not _JOB_FOLDER.fullmatch(top):
            return True
        try:
            require_owner(await self.jobs.find(top), caller, top)
        except NotFound:
            return False
        return True


def _path(account: StorageAccount, url: str) -> str:
    return url.removeprefix(account.url(QUERIES, ""))


def _folder(caller: Caller) -> str:
    owner = hashlib.sha256(f"{caller.tenant_id}:{caller.oid}".encode()).hexdigest()[:16]
    return f"{UPLOADS}/{owner}/"
