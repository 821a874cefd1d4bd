"""The app alone: in the functions host over Azurite, where nobody answers as sidecar or cluster."""

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
"""Longer than any run that uses this host: a submission is tried once."""


def start_app_only(azurite: Azurite, folder: Path) -> Child:
    """Start the host; its log and its state lie in `folder`. Raises DidNotStart."""
    nobody = f"http://127.0.0.1:{_closed_port()}"
    write_private(folder / "kubeconfig", yaml.safe_dump(kubeconfig(nobody, "none")))
    argv = [sys.executable, "-m", "local.functions_host", "--app", str(PROJECT), "--port", "0"]
    argv += ["--state", str(folder / "durable.sqlite")]
    settings = _environment(azurite, nobody, folder)
    return start("functions", argv, folder / "functions.log", settings, cwd=PROJECT)


def _environment(azurite: Azurite, nobody: str, folder: Path) -> dict[str, str]:
    """The app's settings."""
    return {
        "AzureWebJobsStorage": azurite.connection_string,
        "BLAST_AUTH_MODE": "local",
        "BLAST_STORAGE_ACCOUNT": ACCOUNT,
        "BLAST_STORAGE_CONNECTION_STRING": azurite.connection_string,
        "BLAST_SIDECAR_URL": nobody,
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
    """A port that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
