"""The clients of a process, or of a test, made from its settings."""

import logging
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from shared.clients.azure_errors import CLIENT_OPTIONS
from shared.clients.blobs import Blobs, open_blobs
from shared.clients.kubernetes import KubernetesCluster, from_identity, from_kubeconfig
from shared.clients.queues import Queue, open_queue
from shared.clients.sidecar import SidecarClient
from shared.clients.tables import Table, open_table
from shared.contracts.storage_urls import (
    DATABASES,
    DEAD_LETTERS,
    QUERIES,
    RESULTS,
    StorageAccount,
)
from shared.errors import SettingsInvalid
from shared.hits.cache import IndexCache
from shared.hits.indexer import Indexer
from shared.hits.reader import HitsReader
from shared.jobs import Index, JobStateRepository
from shared.messaging.dead_letters import DeadLetters
from shared.messaging.outbox import OutboxPublisher
from shared.results.background import BackgroundIndexing
from shared.results.exports import HitExports
from shared.settings import HostStorage, Settings
from shared.telemetry.names import POISON_LENGTH, QUEUE_LENGTH, Metric
from shared.telemetry.telemetry import Telemetry
from shared.util.precedence import Precedence

if TYPE_CHECKING:
    from azure.identity.aio import DefaultAzureCredential

JOBS_TABLE, INDEX_TABLE, DEAD_TABLE = "blastjobs", "blastindex", "blastdeadletters"
COMPLETIONS, REQUESTS = "blast-completions", "blast-requests"
log = logging.getLogger("blast")


def now() -> datetime:
    """The current time in UTC. The app reads no other wall clock."""
    return datetime.now(UTC)


class Dependencies:
    """The clients. Each is created on first use, in the event loop that uses it, and then shared.

    Creating the object itself reads no setting and opens nothing, so that the app's functions load
    even if the settings are invalid. The clients of storage create what is missing there on their
    first call. All properties raise SettingsInvalid.
    """

    def __init__(
        self,
        read_settings: Callable[[], Settings],
        now: Callable[[], datetime] = now,
        telemetry: Telemetry | None = None,
        host_storage: HostStorage | None = None,
    ) -> None:
        """`read_settings` is called once. It may raise SettingsInvalid."""
        self._read_settings = read_settings
        self.now = now
        self.telemetry = telemetry or Telemetry()
        self._host_storage = host_storage
        self.precedence = Precedence()
        """Submissions go first, and steps give way, where one process does both."""
        self._clusters: dict[str, KubernetesCluster] = {}
        self._closing = AsyncExitStack()

    async def aclose(self) -> None:
        """Close the clients, the last first. The object cannot be used afterwards."""
        await self._closing.aclose()

    @property
    def settings(self) -> Settings:
        """The settings. Raises SettingsInvalid with all faults, which are logged the first time."""
        result = self._settings_or_error
        if isinstance(result, SettingsInvalid):
            raise SettingsInvalid(result.faults)  # a new one: an exception keeps its traceback
        return result

    def check_settings(self) -> None:
        """Log all faults of the settings, if they have some; raises nothing."""
        _ = self._settings_or_error

    @property
    def account(self) -> StorageAccount:
        """The storage account that holds queries, databases and results."""
        return self.settings.account

    @cached_property
    def jobs(self) -> JobStateRepository:
        """The job store."""
        index = Index(self._table(INDEX_TABLE), self.settings.reconcile_after)
        return JobStateRepository(self._table(JOBS_TABLE), index, self.now, self.telemetry)

    @cached_property
    def blobs(self) -> Blobs:
        """The storage account's blobs."""
        blobs = open_blobs(
            self.account,
            self.settings.storage_connection_string,
            self._credential,
            create_on_first_use=(QUERIES, DATABASES, RESULTS, DEAD_LETTERS),
        )
        self._closing.push_async_callback(blobs.aclose)
        return blobs

    @cached_property
    def completions_queue(self) -> Queue:
        """The queue from which other programs read status messages."""
        connection, endpoint = self.settings.storage_connection_string, self._endpoint("queue")
        queue = open_queue(
            COMPLETIONS, connection, endpoint, self._credential, create_on_first_use=True
        )
        self._closing.push_async_callback(queue.aclose)
        return queue

    @cached_property
    def measured_queues(self) -> Mapping[Metric, Queue]:
        """By gauge, the queue whose length it is; none where the host's storage is not known."""
        host = self._host_storage
        if host is None:
            return {}
        endpoint = host.queue_endpoint or self._endpoint("queue", host.account)
        identity = None if host.connection_string else self._identity
        queues = {
            metric: open_queue(name, host.connection_string, endpoint, identity)
            for metric, name in ((QUEUE_LENGTH, REQUESTS), (POISON_LENGTH, f"{REQUESTS}-poison"))
        }
        for queue in queues.values():
            self._closing.push_async_callback(queue.aclose)
        return queues

    @cached_property
    def outbox_publisher(self) -> OutboxPublisher:
        """The publisher of status messages that are still in the outbox."""
        return OutboxPublisher(self.jobs, self.blobs, lambda: self.completions_queue)

    @cached_property
    def dead_letters(self) -> DeadLetters:
        """The store of undeliverable queue messages."""
        return DeadLetters(self.blobs, self._table(DEAD_TABLE), self.account)

    @cached_property
    def indexer(self) -> Indexer:
        """The indexer of hits, which works on one segment at a time."""
        return Indexer(self.blobs)

    @cached_property
    def hit_indexes(self) -> BackgroundIndexing:
        """The indexes of the hits of completed jobs."""
        indexes = BackgroundIndexing(self.blobs, self.indexer)
        self._closing.push_async_callback(indexes.aclose)
        return indexes

    @cached_property
    def hits_reader(self) -> HitsReader:
        """The reader of indexes of hits."""
        folder = Path(tempfile.gettempdir()) / "blast-hits"
        cache = IndexCache(folder, self.settings.index_cache_mib * 1024**2)
        reader = HitsReader(self.blobs, cache)
        self._closing.push_async_callback(reader.aclose)
        return reader

    @cached_property
    def hit_exports(self) -> HitExports:
        """The exports of hits."""
        exports = HitExports(self.blobs)
        self._closing.push_async_callback(exports.aclose)
        return exports

    @cached_property
    def sidecar(self) -> SidecarClient:
        """The client of the exec sidecar. It opens a connection for each request."""
        config = self.settings
        if (file := config.sidecar_token_file) is not None:
            return SidecarClient(config.sidecar_url, file.read_text)
        return SidecarClient(config.sidecar_url, lambda: config.sidecar_token)

    def cluster(self, name: str) -> KubernetesCluster:
        """The cluster of that name. Sends no request yet."""
        if name not in self._clusters:
            self._clusters[name] = self._new_cluster(name)
            self._closing.push_async_callback(self._clusters[name].aclose)
        return self._clusters[name]

    def _new_cluster(self, name: str) -> KubernetesCluster:
        config = self.settings
        if config.kubeconfig:
            credentials = from_kubeconfig(config.kubeconfig, name, self._credential)
        else:
            group, subscription = config.resource_group, config.subscription_id
            credentials = from_identity(self._identity, config.arm_url, subscription, group, name)
        return KubernetesCluster(credentials, now=self.now)

    def _table(self, name: str) -> Table:
        connection, endpoint = self.settings.storage_connection_string, self._endpoint("table")
        table = open_table(name, connection, endpoint, self._credential, create_on_first_use=True)
        self._closing.push_async_callback(table.aclose)
        return table

    def _endpoint(self, service: str, account: str = "") -> str:
        name = account or self.settings.storage_account
        return f"https://{name}.{service}.{self.settings.storage_suffix}"

    @cached_property
    def _settings_or_error(self) -> Settings | SettingsInvalid:
        try:
            return self._read_settings()
        except SettingsInvalid as error:
            log.error("settings_invalid %s", error)
            return error

    @property
    def _credential(self) -> "DefaultAzureCredential | None":
        """The managed identity, or None if a connection string is set."""
        return None if self.settings.storage_connection_string else self._identity

    @cached_property
    def _identity(self) -> "DefaultAzureCredential":
        from azure.identity.aio import DefaultAzureCredential

        identity = DefaultAzureCredential(**CLIENT_OPTIONS)
        self._closing.push_async_callback(identity.close)
        return identity
