"""Query blobs of all requests together: few are in memory at a time."""

import asyncio
from datetime import timedelta

import pytest

from shared.blast.fasta import Fasta
from shared.clients.blobs import Blobs
from shared.contracts.search import Program
from shared.contracts.storage_urls import StorageAccount
from shared.errors import Unavailable
from tests.support.gate import Gate
from triggers.submission.named_queries import PARALLEL_READS, NamedQueries, NamedQuery

ACCOUNT = StorageAccount("stgelb")


class Held(Blobs):
    """A blob for each URL, whose reads and writes wait until the gate is open."""

    def __init__(self) -> None:
        self.gate = Gate(PARALLEL_READS)
        self.written: list[str] = []

    async def read_prefix(self, url: str, max_bytes: int) -> tuple[bytes, int]:
        await self.gate.wait()
        return b">q\nACGT-ACGTACGT\n", 17

    async def put(self, url: str, data: bytes) -> None:
        await self.gate.wait()
        self.written.append(url)


async def test_a_read_that_waits_too_long_for_others_is_refused() -> None:
    """Frozen storage holds each read for minutes: the requests behind it end before the host's
    limit for a response."""
    blobs = Held()
    queries = NamedQueries(blobs, ACCOUNT, max_wait=timedelta())
    query = NamedQuery(ACCOUNT.url("queries", "1.fa"), Program.BLASTN)
    first = [asyncio.create_task(queries.read(query)) for _ in range(PARALLEL_READS)]
    await blobs.gate.is_full.wait()
    for refused in (queries.read(query), queries.store(query, f"job-{0:032x}")):
        with pytest.raises(Unavailable, match="earlier reads of query blobs"):
            await refused
    blobs.gate.go.set()
    await asyncio.gather(*first)
    assert (await queries.read(query)).faults == (), "the places are free again"


async def test_few_query_blobs_are_in_memory_at_a_time() -> None:
    """Whether they are checked or copied: each can have 20 MB."""
    blobs = Held()
    queries = NamedQueries(blobs, ACCOUNT)
    named = [NamedQuery(ACCOUNT.url("queries", f"{n}.fa"), Program.BLASTN) for n in range(10)]
    checks = [asyncio.create_task(queries.read(query)) for query in named]
    copies = [asyncio.create_task(queries.store(query, f"job-{0:032x}")) for query in named]
    await blobs.gate.is_full.wait()  # all tasks have begun in the same pass of the loop
    assert blobs.gate.waiting == PARALLEL_READS
    blobs.gate.go.set()
    contents = await asyncio.gather(*checks)
    assert len(await asyncio.gather(*copies)) == len(blobs.written) == len(named)
    assert blobs.gate.most == PARALLEL_READS
    assert all(isinstance(each.fasta, Fasta) and each.fasta.text == "" for each in contents)
