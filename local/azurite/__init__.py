"""Azurite, the local run's storage: real blob, queue and table protocols on free ports."""

import re
from dataclasses import dataclass
from pathlib import Path

from local.processes import Child, start

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The well-known key of every Azurite; not a secret (source: Azurite's README)."""

STATE = Path(__file__).parents[2] / ".state"
PROGRAM = STATE / "node/node_modules/azurite/dist/src/azurite.js"

_LISTENING = {
    service: re.compile(rf"Azurite {service} service is successfully listening at (http://\S+)")
    for service in ("Blob", "Queue", "Table")
}


@dataclass(frozen=True)
class Azurite:
    """A running Azurite. Endpoints include the account: `http://127.0.0.1:PORT/devstoreaccount1`."""

    child: Child
    blob: str
    queue: str
    table: str

    @property
    def connection_string(self) -> str:
        return (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
            f"BlobEndpoint={self.blob};QueueEndpoint={self.queue};TableEndpoint={self.table};"
        )


def start_azurite(folder: Path, log: Path) -> Azurite:
    """Start Azurite on free loopback ports, with its data in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--disableTelemetry", "--skipApiVersionCheck", "--location", str(folder)]
    ports = ["--blobPort", "0", "--queuePort", "0", "--tablePort", "0"]
    argv = ["node", str(PROGRAM), *options, *ports]
    child = start("azurite", argv, log, ready=tuple(_LISTENING.values()))
    endpoints = {
        name: f"{match.group(1)}/{ACCOUNT}"
        for match in child.ready_matches
        for name, pattern in _LISTENING.items()
        if match.re is pattern
    }
    return Azurite(
        child, blob=endpoints["Blob"], queue=endpoints["Queue"], table=endpoints["Table"]
    )
