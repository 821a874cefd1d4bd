"""The app in Azure's own Python worker, over real storage, cluster, sidecar and BLAST."""

from collections.abc import Iterator

import pytest

from local.demo.queries import DEMO_DATABASE, DEMO_FASTA
from local.elastic_blast.databases import upload_database
from tests.worker.durable import extension
from tests.worker.host import PYTHON, Host, WorkerStack, is_required

FAST_POLLING = {"BLAST_POLL_SCHEDULE": "50ms/30s 1s", "BLAST_RESULTS_GRACE": "2s"}


@pytest.fixture(scope="session")
def worker_python() -> None:
    """Skip tests without the worker's environment, or fail if they are required."""
    if not PYTHON.exists():
        missing = f"{PYTHON} is missing: create it with `make worker` and Python 3.13"
        pytest.fail(missing) if is_required() else pytest.skip(missing)


@pytest.fixture(scope="session")
def stack(worker_python: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerStack]:
    running = WorkerStack(tmp_path_factory.mktemp("worker"), settings=FAST_POLLING)
    running.start()
    try:
        upload_database(DEMO_FASTA, DEMO_DATABASE, running.environment)
        yield running
    finally:
        running.stop()


@pytest.fixture
def host(stack: WorkerStack) -> Iterator[Host]:
    """A host for the worker shared by this test process; jobs are separated by their ids."""
    with extension() as durable:
        yield Host(stack.url, durable)
