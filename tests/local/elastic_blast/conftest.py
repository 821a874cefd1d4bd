"""One cluster and one demo database per test process; one submission per test."""

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
from local.elastic_blast.blobs import AccountBlobs
from local.elastic_blast.databases import upload_database
from tests.local.elastic_blast.submission_fixture import HOST, SubmissionFixture, new_submission


@pytest.fixture(scope="session")
def environment(
    azurite: Azurite, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Environment]:
    """Storage with the demo's database and queries, and a running cluster."""
    folder: Path = tmp_path_factory.mktemp("elastic blast")
    token = secrets.token_hex(20)
    cluster = start_cluster(folder / "state", folder / "cluster.log", token, "--cpus", "4")
    environment = Environment(
        account=ACCOUNT,
        blob_endpoint=azurite.blob,
        account_key=KEY,
        cluster_url=cluster.url,
        cluster_token=token,
        fault_rules=folder / "fault_rules.json",
        cache=folder / "cache",
    )
    blobs = AccountBlobs.of(environment)
    for container in ("queries", "results"):
        with suppress(ResourceExistsError):  # created by other tests of this process
            blobs.service.create_container(container)
    blobs.write(f"{HOST}/queries/demo.fa", demo_queries().encode())
    upload_database(DEMO_FASTA, DEMO_DATABASE, environment)
    yield environment
    cluster.stop()


@pytest.fixture
def submission(environment: Environment, tmp_path: Path) -> Iterator[SubmissionFixture]:
    """A submission of the test's own in the shared environment."""
    with new_submission(tmp_path, environment) as submission:
        yield submission
