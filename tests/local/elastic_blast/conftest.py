"""One cluster and one demo database for each test process; a stage for each test."""

import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceExistsError

from local.azurite import ACCOUNT, KEY, Azurite
from local.cluster import start_cluster
from local.demo.queries import DEMO_DATABASE, DEMO_FASTA, demo_queries
from local.elastic_blast import Environment
from local.elastic_blast.blobs import Blobs
from local.elastic_blast.databases import upload_database
from tests.local.elastic_blast.stage import HOST, Stage, new_stage


@pytest.fixture(scope="session")
def world(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """Storage with the demo's database and queries, and a cluster that runs Jobs."""
    folder: Path = tmp_path_factory.mktemp("elastic blast")
    token = secrets.token_hex(20)
    cluster = start_cluster(folder / "state", folder / "cluster.log", token, "--cpus", "4")
    world = Environment(
        account=ACCOUNT,
        blob_endpoint=azurite.blob,
        account_key=KEY,
        cluster_url=cluster.url,
        cluster_token=token,
        fault_rules=folder / "fault_rules.json",
        cache=folder / "cache",
    )
    blobs = Blobs.of(world)
    for container in ("queries", "results"):
        with suppress(ResourceExistsError):  # other tests of this process may have made it
            blobs.service.create_container(container)
    blobs.write(f"{HOST}/queries/demo.fa", demo_queries().encode())
    upload_database(DEMO_FASTA, DEMO_DATABASE, world)
    yield world
    cluster.stop()


@pytest.fixture
def stage(world: Environment, tmp_path: Path) -> Iterator[Stage]:
    """A search of its own on the common world."""
    with new_stage(tmp_path, world) as stage:
        yield stage
