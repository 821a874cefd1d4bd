"""The clients of a process, or of a test, made from its settings."""

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from shared.clients.azure_errors import CLIENT_OPTIONS
from shared.clients.blobs import Blobs, open_blobs
from shared.clients.kubernetes import KubernetesCluster, from_identity, from_kubeconfig
from shared.clients.queues import Queue, open_queue
from shared.clients.sidecar import SidecarClient
from shared.clients.tables import Table, open_table
from shared.contracts.storage_urls import DATABASES, QUERIES, RESULTS, StorageAccount
from shared.errors import SettingsInvalid
from shared.jobs import Index, JobStateRepository
from shared.messaging.dead_letters import DeadLetters
from shared.messaging.outbox import OutboxPublisher
from shared.settings import Settings
from shared.util.single_flight import lazy_property

if TYPE_CHECKING:
    from azure.identity import DefaultAzureCredential

JOBS_TABLE, INDEX_TABLE, DEAD_TABLE = "blastjobs", "blastindex", "blastdeadletters"
COMPLETIONS = "blast-completions"
log = logging.getLogger("blast")


class Closable(Protocol):
    """A client that holds connections."""

    def close(self) -> None: ...


def now() -> datetime:
    """The current time in UTC. The app reads no other wall clock."""
    return datetime.now(UTC)


class Dependencies:
    """The clients. Each is created on first use, once, and then shared by all threads.

    Creating the object itself reads no setting and opens nothing, so that the app's functions load
    even if the settings are invalid. The clients of storage create what they need there when they
    are created, and raise Unavailable if storage does not answer. All raise SettingsInvalid.
    """

    def __init__(
        self, read_settings: Callable[[], Settings], now: Callable[[], datetime] = now
    ) -> None:
        """`read_settings` is called once. It may raise SettingsInvalid."""
        self._read_settings = read_settings
        self.now = now
        self._clusters: dict[str, KubernetesCluster] = {}
        self._clusters_lock = threading.Lock()
        self._closing = ExitStack()

    def close(self) -> None:
        """Close the clients, the last first. The object cannot be used afterwards."""
        self._closing.close()

    @property
    def settings(self) -> Settings:
        """The settings. Raises SettingsInvalid with all faults, which are logged the first time."""
        result = self._settings_or_error
        if isinstance(result, SettingsInvalid):
            raise SettingsInvalid(result.faults)  # a new one: an exception keeps its traceback
        return result

    @property
    def account(self) -> StorageAccount:
        """The storage account that holds queries, databases and results."""
        return self.settings.account

    @lazy_property
    def jobs(self) -> JobStateRepository:
        """The job store. Creates its tables if they are missing."""
        jobs_table, index_table = self._table(JOBS_TABLE), self._table(INDEX_TABLE)
        index = Index(index_table, self.settings.reconcile_after)
        store = JobStateRepository(jobs_table, index, self.now)
        store.ensure()
        self._close_later(jobs_table, index_table)
        return store

    @lazy_property
    def blobs(self) -> Blobs:
        """The storage account's blobs. Creates the three containers if they are missing."""
        connection = self.settings.storage_connection_string
        blobs = open_blobs(self.account, connection, self._credential)
        blobs.ensure(QUERIES, DATABASES, RESULTS)
        self._close_later(blobs)
        return blobs

    @lazy_property
    def completions_queue(self) -> Queue:
        """The queue from which other programs read status messages. Creates it if it is missing."""
        connection, endpoint = self.settings.storage_connection_string, self._endpoint("queue")
        queue = open_queue(COMPLETIONS, connection, endpoint, self._credential)
        queue.ensure()
        self._close_later(queue)
        return queue

    @lazy_property
    def outbox_publisher(self) -> OutboxPublisher:
        """The publisher of status messages that are still in the outbox."""
        return OutboxPublisher(self.jobs, self.blobs, lambda: self.completions_queue)

    @lazy_property
    def dead_letters(self) -> DeadLetters:
        """The store of undeliverable queue messages. Creates its container and table if missing."""
        table = self._table(DEAD_TABLE)
        store = DeadLetters(self.blobs, table, self.account)
        store.ensure()
        self._close_later(table)
        return store

    @lazy_property
    def sidecar(self) -> SidecarClient:
        """The client of the exec sidecar. It opens a connection for each request."""
        config = self.settings
        if (file := config.sidecar_token_file) is not None:
            return SidecarClient(config.sidecar_url, file.read_text)
        return SidecarClient(config.sidecar_url, lambda: config.sidecar_token)

    def cluster(self, name: str) -> KubernetesCluster:
        """The cluster of that name. Sends no request yet."""
        with self._clusters_lock:
            if name not in self._clusters:
                self._clusters[name] = self._new_cluster(name)
                self._close_later(self._clusters[name])
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
        return open_table(name, connection, endpoint, self._credential)

    def _endpoint(self, service: str) -> str:
        return f"https://{self.settings.storage_account}.{service}.{self.settings.storage_suffix}"

    def _close_later(self, *clients: Closable) -> None:
        """Close these clients with the others; not for a client whose creation can still fail."""
        for client in clients:
            self._closing.callback(client.close)

    @lazy_property
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

    @lazy_property
    def _identity(self) -> "DefaultAzureCredential":
        from azure.identity import DefaultAzureCredential

        identity = DefaultAzureCredential(**CLIENT_OPTIONS)
        self._close_later(identity)
        return identity
