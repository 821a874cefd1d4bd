"""Starts the app alone: the functions host over Azurite, without sidecar and cluster."""

import socket
import sys
from pathlib import Path

import yaml

from local.azurite import ACCOUNT, Azurite
from local.cluster import kubeconfig
from local.private import write_private
from local.processes import Child, start
from local.stack import PROJECT

RETRY_DELAY = "10m"
"""Longer than any measurement: jobs stay in `retrying`."""


def start_app_only(azurite: Azurite, folder: Path, workers: int = 1) -> Child:
    """Start the host with its log and state in `folder`. Raises StartError."""
    closed_url = f"http://127.0.0.1:{_closed_port()}"
    write_private(folder / "kubeconfig", yaml.safe_dump(kubeconfig(closed_url, "none")))
    argv = [sys.executable, "-m", "local.functions_host", "--app", str(PROJECT), "--port", "0"]
    argv += ["--state", str(folder / "durable.sqlite"), "--workers", str(workers)]
    settings = _environment(azurite, closed_url, folder)
    return start("functions", argv, folder / "functions.log", settings, cwd=PROJECT)


def _environment(azurite: Azurite, closed_url: str, folder: Path) -> dict[str, str]:
    """The app's settings; sidecar and cluster point to a closed port."""
    return {
        "AzureWebJobsStorage": azurite.connection_string,
        "BLAST_AUTH_MODE": "local",
        "BLAST_STORAGE_ACCOUNT": ACCOUNT,
        "BLAST_STORAGE_CONNECTION_STRING": azurite.connection_string,
        "BLAST_SIDECAR_URL": closed_url,
        "BLAST_SIDECAR_TOKEN": "t" * 32,
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
