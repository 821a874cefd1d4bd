"""Whose the queries in Blob are: what lies there for one caller is not there for another."""

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
_OF_JOBS = re.compile(r"job-[0-9a-f]{32}")
_STRANGE = re.compile(r"[^A-Za-z0-9._-]+")


def upload_path(caller: Caller, name: str, data: bytes) -> str:
    """Where a caller's file goes: the same file sent again goes to the same place."""
    safe = _STRANGE.sub("_", name.replace("\\", "/").rpartition("/")[2]).lstrip(".-")[-100:]
    return f"{_folder(caller)}{hashlib.sha256(data).hexdigest()[:32]}/{safe or 'query.fa'}"


@dataclass(frozen=True)
class QueryAccess:
    """The container of queries, as callers see it. Every method raises Unavailable."""

    jobs: JobStateRepository
    blobs: Blobs
    account: StorageAccount

    def can_read(self, caller: Caller, url: str) -> bool:
        """Whether a query lies at this URL that the caller may search with.

        Of what was uploaded, and of what lies with jobs, that is its own; the rest of the container
        is filled by the deployment's people, for all.
        """
        return self._is_for(caller, url) and self.blobs.exists(url)

    def _is_for(self, caller: Caller, url: str) -> bool:
        path = url.removeprefix(self.account.url(QUERIES, ""))
        top = path.partition("/")[0]
        if top == UPLOADS:
            return path.startswith(_folder(caller))
        if not _OF_JOBS.fullmatch(top):
            return True
        try:
            require_owner(self.jobs.find(top), caller, top)
        except NotFound:
            return False
        return True


def _folder(caller: Caller) -> str:
    owner = hashlib.sha256(f"{caller.tenant_id}:{caller.oid}".encode()).hexdigest()[:16]
    return f"{UPLOADS}/{owner}/"
