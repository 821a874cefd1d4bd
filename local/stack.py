"""The whole product on one machine, as child processes that start and stop together."""

import os
import secrets
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import yaml

from local.azurite import ACCOUNT, KEY, Azurite, start_azurite
from local.cluster import kubeconfig, start_cluster
from local.core_tools import start_func
from local.elastic_blast import Environment, install
from local.private import write_private
from local.processes import Child, start

PROJECT = Path(__file__).parents[1]

LOCAL_SETTINGS = {
    "BLAST_REQUEST_RATE_LIMIT": "60000/1m",
    "BLAST_MAX_ACTIVE_JOBS": "10000",
    "BLAST_POLL_SCHEDULE": "250ms/30s 1s/5m 5s",
    "BLAST_JOB_LIST_CACHE_TTL": "100ms",
    "BLAST_POD_DIAGNOSIS_AFTER": "5s",
    "BLAST_RETRY_TRANSIENT_FIRST": "1s",
    "BLAST_RETRY_TRANSIENT_LONGEST": "30s",
    "BLAST_RETRY_CONFLICT_FIRST": "250ms",
    "BLAST_RETRY_CONFLICT_LONGEST": "5s",
    "BLAST_RETRY_SUBMIT_SLOT_FIRST": "250ms",
    "BLAST_RETRY_SUBMIT_SLOT_LONGEST": "5s",
    "BLAST_RETRY_CONFIGURATION_FIRST": "1s",
    "BLAST_RETRY_CONFIGURATION_LONGEST": "30s",
    "BLAST_RETRY_UNKNOWN_FIRST": "1s",
    "BLAST_RETRY_UNKNOWN_LONGEST": "30s",
    "BLAST_RETRY_CRASH_FIRST": "1s",
    "BLAST_RETRY_CRASH_LONGEST": "30s",
}
"""Settings of the local run: short delays and high limits, because calls cost nothing here."""


def chosen_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """The settings of the environment that replace the local run's own."""
    return {name: environment[name] for name in LOCAL_SETTINGS if name in environment}


Part = TypeVar("Part")
OnReady = Callable[[str, float], None]
Proxy = Callable[[str, Callable[[], str]], str]


def directly(name: str, target: Callable[[], str]) -> str:
    """The default proxy: the app uses each server's own address."""
    return target()


@dataclass
class Stack:
    """The running parts. Data is kept in `folder` and used again by the next start."""

    folder: Path
    port: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)
    on_ready: OnReady = lambda name, seconds: None
    """Called with the name of each part that is ready, and the seconds that its start took."""
    proxy: Proxy = directly
    """Returns the address by which the app alone reaches `blob`, `queue`, `table`, `sidecar`,
    `cluster` and `durable`. Called once per name; `target` returns the server's current address.
    """
    sidecar_settings: Mapping[str, str] = field(default_factory=dict)
    workers: int = 1
    """The number of processes that run the app's functions."""
    app: Path = PROJECT
    """The folder of the app, and of the host that runs it. Another one takes effect at the next
    start of the host: tests of upgrades use that."""
    second_app: Path | None = None
    """The folder of another version of the app, which every second worker runs."""
    core_tools: bool = False
    """Run the package in Azure Functions Core Tools, in place of the local functions host."""
    cluster_options: Sequence[str] = ()
    """Further command line options of `local.cluster`."""
    azurite: Azurite = field(init=False)
    cluster: Child = field(init=False)
    sidecar: Child = field(init=False)
    host: Child = field(init=False)
    environment: Environment = field(init=False)
    _children: list[Child] = field(default_factory=list)
    _app_addresses: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Start everything. Raises StartError, after it has stopped what was started."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self.azurite = self._timed("storage", self._start_azurite)
            self.cluster = self._timed("cluster", self.start_cluster)
            self.environment = self._elastic_blast_environment()
            install(self.folder / "bin", self.environment)
            self.sidecar = self._timed("sidecar", self.start_sidecar)
            self.host = self._timed("functions", self.start_host)
        except BaseException:  # also a signal must leave no process
            self.stop()
            raise

    def stop(self) -> None:
        """Stop every process, in reverse order of the starts. Idempotent."""
        while self._children:
            self._children.pop().stop()
        self._app_addresses.clear()

    @property
    def url(self) -> str:
        """The base URL of the HTTP API."""
        return self.host.url

    def start_cluster(self) -> Child:
        """Start the cluster; after a kill, start it again at the same address."""
        child = start_cluster(
            self.folder / "cluster",
            self._log("cluster"),
            self._token("cluster"),
            *self.cluster_options,
            port=self._port("cluster"),
        )
        self._write_kubeconfig("kubeconfig", child.url)
        return self._track(child)

    def start_sidecar(self) -> Child:
        """Start the sidecar; after a kill, start it again at the same address."""
        argv = [sys.executable, "-m", "sidecar", "--port", str(self._port("sidecar"))]
        env = {
            "EXEC_TOKEN": self._token("sidecar"),
            "EXEC_STATE_DIR": str(self.folder / "sidecar"),
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            **self.sidecar_settings,
        }
        return self._track(start("sidecar", argv, self._log("sidecar"), env, cwd=PROJECT))

    def start_host(self) -> Child:
        """Start the functions host with the app; after a kill, at the same address again."""
        port = self._port("functions") or self.port
        if self.core_tools:
            settings = self._environment()
            return self._track(start_func(self.folder, port, self._log("functions"), settings))
        argv = [sys.executable, "-m", "local.functions_host", "--app", str(self.app)]
        argv += ["--port", str(port)]
        argv += ["--state", str(self.folder / "durable.sqlite")]
        if self.workers > 1:
            argv += ["--workers", str(self.workers)]
        if self.second_app:
            argv += ["--second-app", str(self.second_app)]
        if self.proxy is not directly:
            argv += ["--client-url", self._app_address("durable", lambda: self.host.url)]
        log, environment = self._log("functions"), self._environment()
        return self._track(start("functions", argv, log, environment, cwd=self.app))

    def _start_azurite(self) -> Azurite:
        running = start_azurite(self.folder / "azurite", self._log("azurite"))
        self._track(running.child)
        # For the queue examples. The key in it is Azurite's well-known one.
        write_private(self.folder / "storage", running.connection_string)
        return running

    def _environment(self) -> dict[str, str]:
        """The app's settings. The host's own queue listener never uses the proxy."""
        storage = replace(
            self.azurite,
            blob=self._app_address("blob", lambda: self.azurite.blob),
            queue=self._app_address("queue", lambda: self.azurite.queue),
            table=self._app_address("table", lambda: self.azurite.table),
        )
        self._write_kubeconfig(
            "app.kubeconfig", self._app_address("cluster", lambda: self.cluster.url)
        )
        return {
            "AzureWebJobsStorage": self.azurite.connection_string,
            "BLAST_AUTH_MODE": "local",
            "BLAST_STORAGE_ACCOUNT": ACCOUNT,
            "BLAST_STORAGE_CONNECTION_STRING": storage.connection_string,
            "BLAST_SIDECAR_URL": self._app_address("sidecar", lambda: self.sidecar.url),
            "BLAST_SIDECAR_TOKEN": self._token("sidecar"),
            "BLAST_KUBECONFIG": str(self.folder / "app.kubeconfig"),
            "BLAST_CLUSTER_NAME": "local",
            "BLAST_RESOURCE_GROUP": "local",
            "BLAST_REGION": "local",
            **LOCAL_SETTINGS,
            **self.settings,
        }

    def _app_address(self, name: str, target: Callable[[], str]) -> str:
        """The address by which the app reaches this server; the same after its restarts."""
        if name not in self._app_addresses:
            self._app_addresses[name] = self.proxy(name, target)
        return self._app_addresses[name]

    def _write_kubeconfig(self, name: str, url: str) -> None:
        config = kubeconfig(url, self._token("cluster"))
        write_private(self.folder / name, yaml.safe_dump(config))

    def _elastic_blast_environment(self) -> Environment:
        return Environment(
            account=ACCOUNT,
            blob_endpoint=self.azurite.blob,
            account_key=KEY,
            cluster_url=self.cluster.url,
            cluster_token=self._token("cluster"),
            fault_rules=self.folder / "fault_rules.json",
            cache=self.folder / "databases",
        )

    def _timed(self, name: str, start_part: Callable[[], Part]) -> Part:
        started_at = time.monotonic()
        part = start_part()
        self.on_ready(name, time.monotonic() - started_at)
        return part

    def _port(self, name: str) -> int:
        """The port that this part used before; 0 (any free port) at its first start."""
        earlier = [child for child in self._children if child.name == name]
        return (urlsplit(earlier[-1].url).port or 0) if earlier else 0

    def _track(self, child: Child) -> Child:
        self._children.append(child)
        return child

    def _log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def _token(self, name: str) -> str:
        """This folder's token of that name, created once so that restarted parts still match."""
        path = self.folder / f"{name}.token"
        if not path.exists():
            write_private(path, secrets.token_hex(32))
        return path.read_text()
