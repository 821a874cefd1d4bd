"""The cache of single databases."""

import pytest

from shared.clients.blobs import BlobInfo, Blobs
from shared.contracts.search import Program
from shared.contracts.storage_urls import StorageAccount
from tests.support.samples import NOON
from triggers.submission.database_catalog import DATABASE_TTL, DatabaseCatalog

ACCOUNT = StorageAccount("stgelb")
URL = ACCOUNT.database("prots")


class Counted(Blobs):
    """A container with these files, which counts list calls."""

    def __init__(self, *names: str) -> None:
        self.names, self.lists = names, 0
        self.metadata, self.etag = b"{}", '"1"'

    async def list(self, prefix: str) -> list[BlobInfo]:
        self.lists += 1
        return [BlobInfo(name, 1, NOON, self.etag) for name in self.names]

    async def read_prefix(self, url: str, max_bytes: int) -> tuple[bytes, int]:
        return self.metadata, len(self.metadata)


async def test_a_complete_database_is_cached() -> None:
    blobs, now = Counted("prots.phr", "prots.pin", "prots.psq", "prots2.nsq"), [0.0]
    catalogue = DatabaseCatalog(blobs, ACCOUNT, lambda: now[0])
    for _ in range(3):
        assert await catalogue.mismatch((Program.BLASTP, URL)) is None
        text = "blastn cannot search a database of proteins"
        assert await catalogue.mismatch((Program.BLASTN, URL)) == text
    assert blobs.lists == 1
    now[0] = DATABASE_TTL.total_seconds() + 1
    assert await catalogue.mismatch((Program.BLASTP, URL)) is None
    assert blobs.lists == 2


@pytest.mark.parametrize("names", [(), ("prots.psq",)])
async def test_an_incomplete_database_is_not_cached(names: tuple[str, ...]) -> None:
    blobs = Counted(*names)
    catalogue = DatabaseCatalog(blobs, ACCOUNT)
    for _ in range(2):
        assert await catalogue.mismatch((Program.BLASTP, URL)) is None
    assert blobs.lists == 2


async def test_a_database_of_both_types_suits_every_program() -> None:
    catalogue = DatabaseCatalog(Counted("prots.psq", "prots.nsq"), ACCOUNT)
    for program in Program:
        assert await catalogue.mismatch((program, URL)) is None


async def test_metadata_that_is_replaced_within_a_second_is_read_again() -> None:
    blobs = Counted("db/prots.phr", "db/prots.pin", "db/prots.psq", "db/prots-prot-metadata.json")
    catalogue = DatabaseCatalog(blobs, ACCOUNT)
    for number in (1, 2):
        blobs.metadata, blobs.etag = b'{"number-of-letters": %d}' % number, f'"{number}"'
        (view,) = await catalogue.list_views()
        assert view.total_letters == number
