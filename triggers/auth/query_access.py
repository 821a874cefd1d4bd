"""Access to query blobs: a caller's own uploads, its own jobs' queries, and shared blobs."""

import hashlib
import re
from dataclasses import dataclass

from shared.clients.blobs import Blobs
from shared.contracts.job import Caller
from shared.contracts.storage_urls import QUERIES, StorageAccount
from shared.errors import NotFound
from shared.jobs import JobStateRepository
from triggers.auth.callers import require_owner

UPLOADS = "uploads"
_JOB_FOLDER = re.compile(r"job-[0-9a-f]{32}")
_UNSAFE_CHARACTERS = re.compile(r"[^A-Za-z0-9._-]+")


def upload_path(caller: Caller, name: str, data: bytes) -> str:
    """Return the blob path of a caller's upload; the same file always gets the same path."""
    base_name = name.replace("\\", "/").rpartition("/")[2]
    safe_name = _UNSAFE_CHARACTERS.sub("_", base_name).lstrip(".-")[-100:]
    return f"{_folder(caller)}{hashlib.sha256(data).hexdigest()[:32]}/{safe_name or 'query.fa'}"


@dataclass(frozen=True)
class QueryAccess:
    """Access checks for blobs in the `queries` container. Every method raises Unavailable."""

    jobs: JobStateRepository
    blobs: Blobs
    account: StorageAccount

    async def can_read(self, caller: Caller, url: str) -> bool:
        """Whether the blob exists and the caller may search with it.

        Uploads and job folders belong to their owner; operators fill the rest of the container for
        all callers.
        """
        return await self._is_allowed(caller, url) and await self.blobs.exists(url)

    async def _is_allowed(self, caller: Caller, url: str) -> bool:
        path = url.removeprefix(self.account.url(QUERIES, ""))
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


def _folder(caller: Caller) -> str:
    owner = hashlib.sha256(f"{caller.tenant_id}:{caller.oid}".encode()).hexdigest()[:16]
    return f"{UPLOADS}/{owner}/"
