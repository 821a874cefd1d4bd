"""All parts of the product on one machine, as child processes that start and stop together."""

import os
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import yaml

from local.azurite import ACCOUNT, KEY, Azurite, start_azurite
from local.cluster import kubeconfig, start_cluster
from local.elastic_blast import World, install
from local.processes import Child, start

PROJECT = Path(__file__).parents[1]

HURRY = {
    "BLAST_RATE": "60000/1m",
    "BLAST_MOST_ACTIVE": "10000",
    "BLAST_WATCH_PACE": "250ms/30s 1s/5m 5s",
    "BLAST_SNAPSHOT_AGE": "100ms",
    "BLAST_STUCK_AFTER": "5s",
    "BLAST_RETRY_CONFLICT": "250ms x1.5 5s -",
    "BLAST_RETRY_TRANSIENT": "1s x2 30s 8",
    "BLAST_RETRY_UNKNOWN": "1s x2 30s 6",
    "BLAST_RETRY_CRASH": "1s x2 30s 5",
}
"""Settings of the local run: a person waits beside it, and nobody pays for its calls."""

Part = TypeVar("Part")
Heard = Callable[[str, float], None]


@dataclass
class Stack:
    """The running parts. Its data lies in `folder` and is found again by the next start."""

    folder: Path
    port: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)
    heard: Heard = lambda name, seconds: None
    """Told the name of each part that is ready, and the seconds that it took."""
    azurite: Azurite = field(init=False)
    cluster: Child = field(init=False)
    sidecar: Child = field(init=False)
    host: Child = field(init=False)
    world: World = field(init=False)
    _children: list[Child] = field(default_factory=list)

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
            port=self._port("cluster"),
        )
        config = kubeconfig(child.url, self._token("cluster"))
        (self.folder / "kubeconfig").write_text(yaml.safe_dump(config))
        return self._kept(child)

    def start_sidecar(self) -> Child:
        """Start the sidecar; also again, after it was killed, at the same address."""
        argv = [sys.executable, "-m", "sidecar", "--port", str(self._port("sidecar"))]
        env = {
            "EXEC_TOKEN": self._token("sidecar"),
            "EXEC_STATE_DIR": str(self.folder / "sidecar"),
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
        }
        return self._kept(start("sidecar", argv, self._log("sidecar"), env, cwd=PROJECT))

    def start_host(self) -> Child:
        """Start the functions host with the app; also again, after it was killed."""
        argv = [sys.executable, "-m", "local.functions_host", "--app", str(PROJECT)]
        argv += ["--port", str(self.port), "--state", str(self.folder / "durable.sqlite")]
        child = start("functions", argv, self._log("functions"), self._environment(), cwd=PROJECT)
        return self._kept(child)

    def _start_azurite(self) -> Azurite:
        running = start_azurite(self.folder / "azurite", self._log("azurite"))
        self._kept(running.child)
        return running

    def _environment(self) -> dict[str, str]:
        """The app's settings."""
        return {
            "AzureWebJobsStorage": self.azurite.connection_string,
            "BLAST_AUTH": "local",
            "BLAST_STORAGE_ACCOUNT": ACCOUNT,
            "BLAST_STORAGE_CONNECTION": self.azurite.connection_string,
            "BLAST_SIDECAR_URL": self.sidecar.url,
            "BLAST_SIDECAR_TOKEN": self._token("sidecar"),
            "BLAST_KUBECONFIG": str(self.folder / "kubeconfig"),
            "BLAST_CLUSTER_NAME": "local",
            "BLAST_RESOURCE_GROUP": "local",
            "BLAST_REGION": "local",
            **HURRY,
            **self.settings,
        }

    def _world(self) -> World:
        return World(
            account=ACCOUNT,
            blob_endpoint=self.azurite.blob,
            account_key=KEY,
            cluster_url=self.cluster.url,
            cluster_token=self._token("cluster"),
            behaviours=self.folder / "behaviours.json",
            cache=self.folder / "databases",
        )

    def _timed(self, name: str, begin: Callable[[], Part]) -> Part:
        began = time.monotonic()
        part = begin()
        self.heard(name, time.monotonic() - began)
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
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(32))
        return path.read_text()
