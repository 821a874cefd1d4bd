"""The databases of the deployment, as its container shows them."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from shared import dependencies
from shared.blast.databases import Database, DatabaseType, discover, is_compatible, parse_metadata
from shared.clients.blobs import BlobInfo, Blobs
from shared.contracts.search import Program
from shared.contracts.storage_urls import DATABASES, StorageAccount
from shared.util.parallel import parallel_map
from shared.util.single_flight import SingleFlightCache

LISTED_FOR, KNOWN_FOR = timedelta(seconds=30), timedelta(minutes=10)
"""How old the list may be that all share, and what is known of one database: kinds never change."""
LARGEST_METADATA = 1024 * 1024
AT_A_TIME = 8
Known = tuple[float, list[Database]]


@dataclass(frozen=True)
class DatabaseCatalog:
    """Every method raises Unavailable when Blob cannot be asked."""

    blobs: Blobs
    account: StorageAccount
    monotonic: Callable[[], float] = time.monotonic
    _known: dict[str, Known] = field(default_factory=dict)
    _said: dict[tuple[str, datetime], dict[str, Any]] = field(default_factory=dict)

    def described(self) -> list[dict[str, Any]]:
        """Every database, as lists show it, by path.

        One at the container's root is left out, because no request can name it.
        """
        listed = discover(self.blobs.list(self.account.url(DATABASES, "")))
        databases = [one for one in listed if one.folder]
        metadata = parallel_map(self._said_of, databases, AT_A_TIME)
        return [_row(one, more) for one, more in zip(databases, metadata, strict=True)]

    def at(self, url: str) -> list[Database]:
        """What lies at the URL of a database: none, one, or one of either kind."""
        known = self._known.get(url)
        if known and self.monotonic() - known[0] <= KNOWN_FOR.total_seconds():
            return known[1]
        folder, _, name = url.rpartition("/")
        found = [one for one in discover(self.blobs.list(f"{folder}/")) if one.stem == name]
        if found and all(one.ready for one in found):
            self._known[url] = self.monotonic(), found
        return found

    def mismatch(self, pair: tuple[Program, str]) -> str | None:
        """What is wrong where the database at that URL is known to be of a kind that the program
        cannot search.

        What is not there (yet) is not known: elastic-blast says so when it looks for it.
        """
        program, url = pair
        kinds = {one.kind for one in self.at(url)}
        suitable = not kinds or any(is_compatible(program, kind) for kind in kinds)
        return None if suitable else mismatch(program, kinds)

    def _said_of(self, database: Database) -> dict[str, Any]:
        said: dict[str, Any] = {}
        for file in reversed(database.metadata):
            said |= self._read(file)
        return said

    def _read(self, file: BlobInfo) -> dict[str, Any]:
        """What a file of metadata says, read once for each of its editions."""
        edition = file.name, file.modified
        if edition not in self._said:
            url = self.account.url(DATABASES, file.name)
            data, _ = self.blobs.read_prefix(url, LARGEST_METADATA) or (b"", 0)
            self._said[edition] = parse_metadata(data)
        return self._said[edition]


def _row(database: Database, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A database for lists, under its old and new names.

    Clients make its path, `container/prefix/name`, and send that as `db`.
    """
    counts = {
        "total_letters": metadata.get("letters"),
        "total_sequences": metadata.get("sequences"),
    }
    return {
        "name": database.name,
        "container": DATABASES,
        "prefix": database.folder,
        "type": database.kind.value,
        "file_count": database.file_count,
        "size_bytes": database.size,
        "total_bytes": database.size,
        "ready": database.ready,
        "copy_status": {"phase": "completed" if database.ready else "partial"},
        **metadata,
        **{name: count for name, count in counts.items() if count is not None},
    }


def mismatch(program: Program, kinds: set[DatabaseType]) -> str:
    """The sentence for a program and a database that do not go together."""
    words = {DatabaseType.NUCLEOTIDE: "nucleotides", DatabaseType.PROTEIN: "proteins"}
    return f"{program} cannot search a database of {' and '.join(words[k] for k in sorted(kinds))}"


@cache
def database_catalog() -> DatabaseCatalog:
    """The deployment's."""
    return DatabaseCatalog(dependencies.blobs(), dependencies.account())


@cache
def list_databases() -> SingleFlightCache[list[dict[str, Any]]]:
    """The list that all who ask share."""
    return SingleFlightCache(database_catalog().described, time.monotonic)
