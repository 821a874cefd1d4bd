"""The clients of this process. Each is created on first use and then shared."""

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from shared.clients.azure_errors import CLIENT_OPTIONS
from shared.clients.blobs import Blobs, open_blobs
from shared.clients.kubernetes import KubernetesCluster, from_identity, from_kubeconfig
from shared.clients.queues import Queue, open_queue
from shared.clients.sidecar import SidecarClient
from shared.clients.tables import Table, open_table
from shared.contracts.storage_urls import DATABASES, QUERIES, RESULTS, StorageAccount
from shared.jobs import Index, JobStateRepository
from shared.messaging.dead_letters import DeadLetters
from shared.messaging.outbox import OutboxPublisher
from shared.settings import settings

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

JOBS_TABLE, INDEX_TABLE, DEAD_TABLE = "blastjobs", "blastindex", "blastdeadletters"
COMPLETIONS = "blast-completions"


def now() -> datetime:
    """The current time in UTC. The app reads no other wall clock."""
    return datetime.now(UTC)


@cache
def jobs() -> JobStateRepository:
    """The job store. Creates its tables if they are missing."""
    index = Index(_table(INDEX_TABLE), settings().reconcile_after)
    store = JobStateRepository(_table(JOBS_TABLE), index, now)
    store.ensure()
    return store


@cache
def blobs() -> Blobs:
    """The storage account's blobs. Creates the three containers if they are missing."""
    client = open_blobs(account(), settings().storage_connection_string, _credential())
    client.ensure(QUERIES, DATABASES, RESULTS)
    return client


@cache
def cluster(name: str) -> KubernetesCluster:
    """The cluster of that name. Sends no request yet."""
    config = settings()
    if config.kubeconfig:
        return KubernetesCluster(from_kubeconfig(config.kubeconfig, name, _credential()), now=now)
    group, subscription = config.resource_group, config.subscription_id
    return KubernetesCluster(
        from_identity(_identity(), config.arm_url, subscription, group, name), now=now
    )


@cache
def completions_queue() -> Queue:
    """The queue from which other programs read status messages. Creates it if it is missing."""
    config = settings()
    endpoint = f"https://{config.storage_account}.queue.{config.storage_suffix}"
    queue = open_queue(COMPLETIONS, config.storage_connection_string, endpoint, _credential())
    queue.ensure()
    return queue


@cache
def outbox_publisher() -> OutboxPublisher:
    """The publisher of status messages that are still in the outbox."""
    return OutboxPublisher(jobs(), blobs(), completions_queue())


@cache
def dead_letters() -> DeadLetters:
    """The store of undeliverable queue messages. Creates its container and table if missing."""
    store = DeadLetters(blobs(), _table(DEAD_TABLE), account())
    store.ensure()
    return store


@cache
def sidecar() -> SidecarClient:
    """The client of the exec sidecar."""
    config = settings()
    if (file := config.sidecar_token_file) is not None:
        return SidecarClient(config.sidecar_url, file.read_text)
    return SidecarClient(config.sidecar_url, lambda: config.sidecar_token)


def account() -> StorageAccount:
    """The storage account that holds queries, databases and results."""
    return settings().account


def _table(name: str) -> Table:
    config = settings()
    endpoint = f"https://{config.storage_account}.table.{config.storage_suffix}"
    return open_table(name, config.storage_connection_string, endpoint, _credential())


def _credential() -> "TokenCredential | None":
    """The managed identity, or None if a connection string is set."""
    return None if settings().storage_connection_string else _identity()


@cache
def _identity() -> "TokenCredential":
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential(**CLIENT_OPTIONS)
