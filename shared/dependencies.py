"""The clients of this process, each opened when it is first asked for."""

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from shared.clients.azure_errors import NEAR
from shared.clients.blobs import Blobs, open_blobs
from shared.clients.kubernetes import Cluster, by_identity, by_kubeconfig
from shared.clients.queues import Queue, open_queue
from shared.clients.sidecar import Sidecar
from shared.clients.tables import Table, open_table
from shared.contracts.storage_urls import DATABASES, QUERIES, RESULTS, Account
from shared.jobs import Index, JobStateRepository
from shared.messaging.dead_letters import DeadLetters
from shared.messaging.outbox import Courier
from shared.settings import settings

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

JOBS_TABLE, INDEX_TABLE, DEAD_TABLE = "blastjobs", "blastindex", "blastdeadletters"
COMPLETIONS = "blast-completions"


def now() -> datetime:
    """The time, aware and in UTC: the one clock of the app."""
    return datetime.now(UTC)


@cache
def jobs() -> JobStateRepository:
    """The job store; its tables exist."""
    index = Index(_table(INDEX_TABLE), settings().late_after)
    store = JobStateRepository(_table(JOBS_TABLE), index, now)
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
def completions() -> Queue:
    """The queue that programs read what became of their searches from; it exists."""
    one = settings()
    endpoint = f"https://{one.storage_account}.queue.{one.storage_suffix}"
    queue = open_queue(COMPLETIONS, one.storage_connection, endpoint, _credential())
    queue.ensure()
    return queue


@cache
def courier() -> Courier:
    """Who sends what jobs owe."""
    return Courier(jobs(), blobs(), completions())


@cache
def dead_letters() -> DeadLetters:
    """Where messages end that could not be handled; it exists."""
    letters = DeadLetters(blobs(), _table(DEAD_TABLE), account())
    letters.ensure()
    return letters


@cache
def sidecar() -> Sidecar:
    """The exec sidecar."""
    one = settings()
    if (file := one.sidecar_token_file) is not None:
        return Sidecar(one.sidecar_url, file.read_text)
    return Sidecar(one.sidecar_url, lambda: one.sidecar_token)


def account() -> Account:
    """The storage account that queries, databases and results lie in."""
    return Account(settings().storage_account, settings().storage_suffix)


def _table(name: str) -> Table:
    one = settings()
    endpoint = f"https://{one.storage_account}.table.{one.storage_suffix}"
    return open_table(name, one.storage_connection, endpoint, _credential())


def _credential() -> "TokenCredential | None":
    """The managed identity; none where a connection string is given instead."""
    return None if settings().storage_connection else _identity()


@cache
def _identity() -> "TokenCredential":
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential(**NEAR)
