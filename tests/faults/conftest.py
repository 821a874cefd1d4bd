"""Everything behind proxies: the app, and only the app, reaches its servers through them."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from local.demo.queries import DEMO_DATABASE, DEMO_FASTA
from local.elastic_blast.databases import upload_database
from local.stack import Stack
from tests.end_to_end import conftest as end_to_end
from tests.faults.faults import Fault, InForce
from tests.faults.proxy import Proxies

QUICK = {
    "BLAST_WATCH_PACE": "50ms/30s 1s",
    "BLAST_RESULTS_PATIENCE": "2s",
    "BLAST_RETRY_TRANSIENT": "100ms x1.5 1s 5",
    "BLAST_RETRY_UNKNOWN": "100ms x1.5 1s 5",
    "BLAST_RETRY_CRASH": "100ms x1.5 1s 5",
    "BLAST_RETRY_CAPACITY": "100ms x1.5 1s -",
    "BLAST_RETRY_CONFLICT": "100ms x1.5 1s -",
}
TINY = {"query_data": ">tiny\nCGTAACAAGGTTTCCGTAGGTGAACCTGCGGAAGGATCATTG\n", "batch_len": 4000}
"""What makes of the demo's search one batch, with hits."""


@dataclass
class World(end_to_end.World):
    """The running stack, as tests speak to it; they speak to its parts directly."""

    proxies: Proxies = field(default_factory=Proxies)

    def submit(self, key: str | None = None, **changes: Any) -> str:
        """Submit a search of one batch, changed so; the job's id."""
        return super().submit(key, **(TINY | changes))

    def new_key(self) -> str:
        return uuid.uuid4().hex

    @contextmanager
    def faults(self, *faults: Fault) -> Iterator[list[InForce]]:
        """Put faults in force."""
        with ExitStack() as stack:
            yield [stack.enter_context(self.proxies.fault(one)) for one in faults]


@contextmanager
def behind_proxies(stack: Stack) -> Iterator[World]:
    """Start a stack behind proxies, with the demo's database in it."""
    world = World(stack)
    stack.through = world.proxies.through
    try:
        stack.start()
        upload_database(DEMO_FASTA, DEMO_DATABASE, stack.world)
        yield world
    finally:
        stack.stop()
        world.proxies.stop()


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with behind_proxies(Stack(tmp_path_factory.mktemp("faults"), settings=QUICK)) as world:
        yield world


@pytest.fixture
def world(running: World) -> World:
    """The one stack of this test process; jobs keep apart by their ids."""
    return running
