"""All parts of the product on one machine, as child processes that start and stop together."""

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
    "BLAST_RETRY_CONFLICT": "250ms x1.5 5s -",
    "BLAST_RETRY_SUBMIT_SLOT": "250ms x1.5 5s -",
    "BLAST_RETRY_TRANSIENT": "1s x2 30s 8",
    "BLAST_RETRY_CONFIGURATION": "1s x1.5 30s -",
    "BLAST_RETRY_UNKNOWN": "1s x2 30s 6",
    "BLAST_RETRY_CRASH": "1s x2 30s 5",
}
"""Settings of the local run: a person waits beside it, and nobody pays for its calls."""

Part = TypeVar("Part")
OnReady = Callable[[str, float], None]
Proxy = Callable[[str, Callable[[], str]], str]


def directly(name: str, at: Callable[[], str]) -> str:
    """The app speaks to each server at the server's own address."""
    return at()


@dataclass
class Stack:
    """The running parts. Its data lies in `folder` and is found again by the next start."""

    folder: Path
    port: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)
    on_ready: OnReady = lambda name, seconds: None
    """Told the name of each part that is ready, and the seconds that it took."""
    proxy: Proxy = directly
    """By which address the app, and nobody else, reaches `blob`, `queue`, `table`, `sidecar`,
    `cluster` and `durable`. It is asked once for each; `at` says where that server itself is now.
    """
    sidecar_settings: Mapping[str, str] = field(default_factory=dict)
    cluster_options: Sequence[str] = ()
    """More of the command line of `local.cluster`."""
    azurite: Azurite = field(init=False)
    cluster: Child = field(init=False)
    sidecar: Child = field(init=False)
    host: Child = field(init=False)
    world: Environment = field(init=False)
    _children: list[Child] = field(default_factory=list)
    _reached: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Start everything. Raises DidNotStart, with whatever had been started ended again."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self.azurite = self._timed("storage", self._start_azurite)
            self.cluster = self._timed("cluster", self.start_cluster)
            self.world = self._world()
            install(self.folder / "bin", self.world)
            self.sidecar = self._timed("sidecar", self.start_sidecar)
            self.host = self._timed("functions", self.start_host)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End every process, in the order in which they need each other. Safe to say twice."""
        while self._children:
            self._children.pop().stop()
        self._reached.clear()

    @property
    def url(self) -> str:
        """Where the HTTP API is."""
        return self.host.url

    def start_cluster(self) -> Child:
        """Start the cluster; also again, after it was killed, at the same address."""
        child = start_cluster(
            self.folder / "cluster",
            self._log("cluster"),
            self._token("cluster"),
            *self.cluster_options,
            port=self._port("cluster"),
        )
        self._write_kubeconfig("kubeconfig", child.url)
        return self._kept(child)

    def start_sidecar(self) -> Child:
        """Start the sidecar; also again, after it was killed, at the same address."""
        argv = [sys.executable, "-m", "sidecar", "--port", str(self._port("sidecar"))]
        env = {
            "EXEC_TOKEN": self._token("sidecar"),
            "EXEC_STATE_DIR": str(self.folder / "sidecar"),
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            **self.sidecar_settings,
        }
        return self._kept(start("sidecar", argv, self._log("sidecar"), env, cwd=PROJECT))

    def start_host(self) -> Child:
        """Start the functions host with the app; also again, after it was killed, where it was."""
        argv = [sys.executable, "-m", "local.functions_host", "--app", str(PROJECT)]
        argv += ["--port", str(self._port("functions") or self.port)]
        argv += ["--state", str(self.folder / "durable.sqlite")]
        if self.proxy is not directly:
            argv += ["--client-url", self._reach("durable", lambda: self.host.url)]
        child = start("functions", argv, self._log("functions"), self._environment(), cwd=PROJECT)
        return self._kept(child)

    def _start_azurite(self) -> Azurite:
        running = start_azurite(self.folder / "azurite", self._log("azurite"))
        self._kept(running.child)
        # For programs that speak to the queues; the key in it is every Azurite's.
        write_private(self.folder / "storage", running.connection_string)
        return running

    def _environment(self) -> dict[str, str]:
        """The app's settings. The host itself, which listens to queues, is no part of the app."""
        storage = replace(
            self.azurite,
            blob=self._reach("blob", lambda: self.azurite.blob),
            queue=self._reach("queue", lambda: self.azurite.queue),
            table=self._reach("table", lambda: self.azurite.table),
        )
        self._write_kubeconfig("app.kubeconfig", self._reach("cluster", lambda: self.cluster.url))
        return {
            "AzureWebJobsStorage": self.azurite.connection_string,
            "BLAST_AUTH_MODE": "local",
            "BLAST_STORAGE_ACCOUNT": ACCOUNT,
            "BLAST_STORAGE_CONNECTION_STRING": storage.connection_string,
            "BLAST_SIDECAR_URL": self._reach("sidecar", lambda: self.sidecar.url),
            "BLAST_SIDECAR_TOKEN": self._token("sidecar"),
            "BLAST_KUBECONFIG": str(self.folder / "app.kubeconfig"),
            "BLAST_CLUSTER_NAME": "local",
            "BLAST_RESOURCE_GROUP": "local",
            "BLAST_REGION": "local",
            **LOCAL_SETTINGS,
            **self.settings,
        }

    def _reach(self, name: str, at: Callable[[], str]) -> str:
        """The address by which the app reaches the server of this name, the same for ever."""
        if name not in self._reached:
            self._reached[name] = self.proxy(name, at)
        return self._reached[name]

    def _write_kubeconfig(self, name: str, url: str) -> None:
        config = kubeconfig(url, self._token("cluster"))
        write_private(self.folder / name, yaml.safe_dump(config))

    def _world(self) -> Environment:
        return Environment(
            account=ACCOUNT,
            blob_endpoint=self.azurite.blob,
            account_key=KEY,
            cluster_url=self.cluster.url,
            cluster_token=self._token("cluster"),
            fault_rules=self.folder / "behaviours.json",
            cache=self.folder / "databases",
        )

    def _timed(self, name: str, begin: Callable[[], Part]) -> Part:
        began = time.monotonic()
        part = begin()
        self.on_ready(name, time.monotonic() - began)
        return part

    def _port(self, name: str) -> int:
        """The port that the part of this name had before; 0, for a free one, if it is new."""
        before = [child for child in self._children if child.name == name]
        return (urlsplit(before[-1].url).port or 0) if before else 0

    def _kept(self, child: Child) -> Child:
        self._children.append(child)
        return child

    def _log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def _token(self, name: str) -> str:
        """A token of this folder's own, made once: parts that are started again know each other."""
        path = self.folder / f"{name}.token"
        if not path.exists():
            write_private(path, secrets.token_hex(32))
        return path.read_text()
