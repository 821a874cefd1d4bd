"""Starts the app alone: the functions host over Azurite, as a rule without sidecar and cluster."""

import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import yaml

from local.azurite import ACCOUNT, Azurite
from local.cluster import kubeconfig
from local.private import write_private
from local.processes import Child, start
from local.stack import PROJECT

RETRY_DELAY = "10m"
"""Longer than any measurement: jobs stay in `retrying`."""
TOKEN = "t" * 32
"""Of the sidecar and of the cluster."""


def start_app_only(
    azurite: Azurite,
    folder: Path,
    workers: int = 1,
    servers: str = "",
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Child:
    """Start the host with its log and state in `folder`. Raises StartError.

    `servers` is the URL of the sidecar and of the cluster; without it, nothing answers there.
    """
    url = servers or f"http://127.0.0.1:{_closed_port()}"
    write_private(folder / "kubeconfig", yaml.safe_dump(kubeconfig(url, TOKEN)))
    argv = [sys.executable, "-m", "local.functions_host", "--app", str(PROJECT), "--port", "0"]
    argv += ["--state", str(folder / "durable.sqlite"), "--workers", str(workers)]
    environment = {**_environment(azurite, url, folder), **settings}
    return start("functions", argv, folder / "functions.log", environment, cwd=PROJECT)


def _environment(azurite: Azurite, url: str, folder: Path) -> dict[str, str]:
    return {
        "AzureWebJobsStorage": azurite.connection_string,
        "BLAST_AUTH_MODE": "local",
        "BLAST_STORAGE_ACCOUNT": ACCOUNT,
        "BLAST_STORAGE_CONNECTION_STRING": azurite.connection_string,
        "BLAST_SIDECAR_URL": url,
        "BLAST_SIDECAR_TOKEN": TOKEN,
        "BLAST_KUBECONFIG": str(folder / "kubeconfig"),
        "BLAST_CLUSTER_NAME": "local",
        "BLAST_RESOURCE_GROUP": "local",
        "BLAST_REGION": "local",
        "BLAST_RETRY_TRANSIENT_FIRST": RETRY_DELAY,
        "BLAST_RETRY_TRANSIENT_LONGEST": RETRY_DELAY,
        "BLAST_RECONCILE_AFTER": "1h",
        "BLAST_REQUEST_RATE_LIMIT": "60000/1m",
        "BLAST_MAX_ACTIVE_JOBS": "10000",
    }


def _closed_port() -> int:
    """A port that no process listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
