"""The clients of this process, each opened when it is first asked for."""

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from shared.clients.blobs import Blobs, open_blobs
from shared.clients.kubernetes import Cluster, by_identity, by_kubeconfig
from shared.clients.sidecar import Sidecar
from shared.clients.storage import NEAR
from shared.clients.tables import open_table
from shared.jobs import Index, JobStateRepository
from shared.settings import settings
from shared.storage_urls import DATABASES, QUERIES, RESULTS, Account

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

JOBS_TABLE, INDEX_TABLE = "blastjobs", "blastindex"


def now() -> datetime:
    """The time, aware and in UTC: the one clock of the app."""
    return datetime.now(UTC)


@cache
def jobs() -> JobStateRepository:
    """The job store; its tables exist."""
    one = settings()
    endpoint = f"https://{one.storage_account}.table.{one.storage_suffix}"
    jobs_table, index_table = (
        open_table(name, one.storage_connection, endpoint, _credential())
        for name in (JOBS_TABLE, INDEX_TABLE)
    )
    store = JobStateRepository(jobs_table, Index(index_table, one.late_after), now)
    store.ensure()
    return store


@cache
def blobs() -> Blobs:
    """The storage account's blobs; the three containers exist."""
    opened = open_blobs(account(), settings().storage_connection, _credential())
    opened.ensure(QUERIES, DATABASES, RESULTS)
    return opened


@cache
def cluster(name: str) -> Cluster:
    """The cluster of that name; nothing is asked of it yet."""
    one = settings()
    if one.kubeconfig:
        return Cluster(by_kubeconfig(one.kubeconfig, name, _credential()), now=now)
    group, subscription = one.resource_group, one.subscription_id
    return Cluster(by_identity(_identity(), one.arm_url, subscription, group, name), now=now)


@cache
def sidecar() -> Sidecar:
    """The exec sidecar."""
    one = settings()
    return Sidecar(one.sidecar_url, lambda: one.sidecar_token)


def account() -> Account:
    """The storage account that queries, databases and results lie in."""
    return Account(settings().storage_account, settings().storage_suffix)


def _credential() -> "TokenCredential | None":
    """The managed identity; none where a connection string is given instead."""
    return None if settings().storage_connection else _identity()


@cache
def _identity() -> "TokenCredential":
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential(**NEAR)
