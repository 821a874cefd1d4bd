"""The BLAST databases in the deployment's container."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from shared.blast.databases import Database, DatabaseType, discover, is_compatible, parse_metadata
from shared.clients.blobs import BlobInfo, Blobs
from shared.contracts.search import Program
from shared.contracts.storage_urls import DATABASES, StorageAccount
from shared.elastic_blast.sharding import shard_name
from shared.util.parallel import parallel_map
from triggers.schemas.preflight import CopyStatus, DatabaseView

LIST_TTL, DATABASE_TTL = timedelta(seconds=30), timedelta(minutes=10)
"""Cache times of the list and of a single database, whose type never changes."""
MAX_METADATA_BYTES = 1024 * 1024
PARALLELISM = 8
CachedDatabases = tuple[float, list[Database]]
"""When they were listed (monotonic seconds), and the databases."""


@dataclass(frozen=True)
class DatabaseCatalog:
    """Lists and looks up databases. Every method raises Unavailable if Blob does not answer."""

    blobs: Blobs
    account: StorageAccount
    monotonic: Callable[[], float] = time.monotonic
    _databases_by_url: dict[str, CachedDatabases] = field(default_factory=dict)
    _metadata_by_version: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    async def list_views(self) -> list[DatabaseView]:
        """List all databases by path.

        A database at the container's root is left out, because no request can name it.
        """
        discovered = discover(await self.blobs.list(self.account.url(DATABASES, "")))
        databases = [database for database in discovered if database.folder]
        metadata = await parallel_map(self._metadata, databases, PARALLELISM)
        return [
            _view(database, values) for database, values in zip(databases, metadata, strict=True)
        ]

    async def databases_at(self, url: str) -> list[Database]:
        """Return the databases at a URL: none, one, or a nucleotide and a protein one."""
        cached = self._databases_by_url.get(url)
        if cached and self.monotonic() - cached[0] <= DATABASE_TTL.total_seconds():
            return cached[1]
        folder, _, name = url.rpartition("/")
        discovered = discover(await self.blobs.list(f"{folder}/"))
        databases = [database for database in discovered if database.stem == name]
        if databases and all(database.ready for database in databases):
            self._databases_by_url[url] = self.monotonic(), databases
        return databases

    async def letters_at(self, url: str) -> int | None:
        """The residues of the first database at a URL; None without one, or without metadata."""
        folder = url.rpartition("/")[0]
        for database in await self.databases_at(url):
            in_container = self.account.split(folder)[1]
            files = tuple(
                replace(file, name=f"{in_container}/{file.name}") for file in database.metadata
            )
            letters = (await self._metadata(replace(database, metadata=files))).get("letters")
            if isinstance(letters, int) and letters > 0:
                return letters
        return None

    async def shards_at(self, prefix: str, shards: int) -> int:
        """The number of those shards of which the blobs that elastic-blast stages are there."""
        folder, _, _ = prefix.rpartition("/")
        names = {blob.name for blob in await self.blobs.list(f"{folder}/")}
        paths = (f"{name}/{name}" for n in range(shards) for name in [shard_name(prefix, n)])
        return sum(f"{path}.manifest" in names and f"{path}.nal" in names for path in paths)

    async def mismatch(self, program_and_url: tuple[Program, str]) -> str | None:
        """Return a sentence if the program cannot search the database at the URL, else None.

        None also if there is no such database: it may still be copied, and elastic-blast reports
        a missing one.
        """
        program, url = program_and_url
        kinds = {database.kind for database in await self.databases_at(url)}
        is_searchable = not kinds or any(is_compatible(program, kind) for kind in kinds)
        return None if is_searchable else mismatch(program, kinds)

    async def _metadata(self, database: Database) -> dict[str, Any]:
        """Merge the metadata of a database's files; the first file wins."""
        merged: dict[str, Any] = {}
        for file in reversed(database.metadata):
            merged |= await self._read(file)
        return merged

    async def _read(self, file: BlobInfo) -> dict[str, Any]:
        """Parse a metadata file; the result is cached per version of the file."""
        version = file.name, file.etag
        if version not in self._metadata_by_version:
            url = self.account.url(DATABASES, file.name)
            data, _ = await self.blobs.read_prefix(url, MAX_METADATA_BYTES) or (b"", 0)
            self._metadata_by_version[version] = parse_metadata(data)
        return self._metadata_by_version[version]


def _view(database: Database, metadata: Mapping[str, Any]) -> DatabaseView:
    """Return a database, its counts under old and new names."""
    return DatabaseView(
        name=database.name,
        container=DATABASES,
        prefix=database.folder,
        type="nucl" if database.kind is DatabaseType.NUCLEOTIDE else "prot",
        file_count=database.file_count,
        size_bytes=database.size,
        total_bytes=database.size,
        ready=database.ready,
        copy_status=CopyStatus(phase="completed" if database.ready else "partial"),
        total_letters=metadata.get("letters"),
        total_sequences=metadata.get("sequences"),
        **metadata,
    )


def mismatch(program: Program, kinds: set[DatabaseType]) -> str:
    """Return the message for a program that cannot search databases of these kinds."""
    words = {DatabaseType.NUCLEOTIDE: "nucleotides", DatabaseType.PROTEIN: "proteins"}
    return f"{program} cannot search a database of {' and '.join(words[k] for k in sorted(kinds))}"
