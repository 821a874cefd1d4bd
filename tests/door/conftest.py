"""The app in the functions host over a real Azurite; nobody answers as sidecar or cluster."""

import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml

from local.azurite import ACCOUNT, Azurite
from local.cluster import kubeconfig
from local.demo.client import Api
from local.processes import Child, start
from shared.clients.blobs import Blobs, open_blobs
from shared.clients.tables import open_table
from shared.jobs import Index, JobStateRepository
from shared.opened import INDEX_TABLE, JOBS_TABLE, now
from shared.storage_urls import Account
from tests.samples import LATE_AFTER

PROJECT = Path(__file__).parents[2]
REST = "10m x1 10m 8"
"""What cannot be submitted is left alone for the time of a test."""


@dataclass
class Door:
    """The running app, and what lies behind it."""

    host: Child
    azurite: Azurite
    jobs: JobStateRepository
    blobs: Blobs
    account: Account

    @property
    def url(self) -> str:
        return self.host.url

    @property
    def api(self) -> Api:
        return Api(self.url)

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> urllib3.BaseHTTPResponse:
        """Any request, and whatever it is answered with."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        with urllib3.PoolManager(retries=False) as pool:
            return pool.request(
                method, f"{self.url}/api/{path}", body=body, headers=named, timeout=60
            )

    def submit(self, **changes: Any) -> str:
        body = {"program": "blastn", "db": "16S", "query_data": ">q\nACGT\n"} | changes
        job_id: str = self.api.submit(body)["job_id"]
        return job_id


@pytest.fixture(scope="session")
def door(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("door")
    nobody = f"http://127.0.0.1:{closed_port()}"
    (folder / "kubeconfig").write_text(yaml.safe_dump(kubeconfig(nobody, "none")))
    argv = ["-m", "local.functions_host", "--app", str(PROJECT), "--port", "0"]
    argv += ["--state", str(folder / "durable.sqlite")]
    host = python("functions", argv, folder, environment(azurite, nobody, folder))
    try:
        yield opened(host, azurite)
    finally:
        host.stop()


def python(name: str, argv: list[str], folder: Path, env: dict[str, str]) -> Child:
    return start(name, [sys.executable, *argv], folder / f"{name}.log", env, cwd=PROJECT)


def environment(azurite: Azurite, nobody: str, folder: Path) -> dict[str, str]:
    """The app's settings."""
    return {
        "AzureWebJobsStorage": azurite.connection_string,
        "BLAST_AUTH": "local",
        "BLAST_STORAGE_ACCOUNT": ACCOUNT,
        "BLAST_STORAGE_CONNECTION": azurite.connection_string,
        "BLAST_SIDECAR_URL": nobody,
        "BLAST_SIDECAR_TOKEN": "t" * 32,
        "BLAST_KUBECONFIG": str(folder / "kubeconfig"),
        "BLAST_CLUSTER_NAME": "local",
        "BLAST_RESOURCE_GROUP": "local",
        "BLAST_REGION": "local",
        "BLAST_RETRY_TRANSIENT": REST,
        "BLAST_LATE_AFTER": "1h",
    }


def opened(host: Child, azurite: Azurite) -> Door:
    """The store behind the app, opened a second time."""
    tables = [
        open_table(name, azurite.connection_string, "", None) for name in (JOBS_TABLE, INDEX_TABLE)
    ]
    jobs = JobStateRepository(tables[0], Index(tables[1], LATE_AFTER), now)
    jobs.ensure()
    account = Account(ACCOUNT)
    blobs = open_blobs(account, azurite.connection_string, None)
    blobs.ensure("queries", "blast-db", "results")
    return Door(host, azurite, jobs, blobs, account)


def closed_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
