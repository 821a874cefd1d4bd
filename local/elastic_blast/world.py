"""Where the local elastic-blast finds its storage and its cluster, and how it comes onto a PATH."""

import json
import shlex
import sys
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

PROJECT = Path(__file__).parents[2]
"""What PYTHONPATH must name for `python -m local.elastic_blast`."""

SIGNED_FOR = timedelta(days=365)
"""Each start of the local run signs anew."""


@dataclass(frozen=True)
class Environment:
    """The one account and the one cluster that this elastic-blast knows, and its folders."""

    account: str
    blob_endpoint: str
    """With the account: `http://127.0.0.1:PORT/devstoreaccount1`."""
    account_key: str
    cluster_url: str
    cluster_token: str
    fault_rules: Path
    """The control file of troubles; there is none without it. `calls.jsonl` lies beside it."""
    cache: Path
    """Where fetched databases are kept."""
    signature: str = ""
    """What a container appends to a blob's address to be let in; `install` makes it."""

    @property
    def calls(self) -> Path:
        return self.fault_rules.parent / "calls.jsonl"


def read_environment(path: Path) -> Environment:
    """The world that `install` wrote."""
    found = json.loads(path.read_text())
    return Environment(
        **{**found, "fault_rules": Path(found["fault_rules"]), "cache": Path(found["cache"])}
    )


def install(folder: Path, world: Environment) -> Path:
    """Write an executable `elastic-blast` into `folder`, with all it needs to know beside it.

    Returns the program's path. It needs nothing from its environment but a PATH with BLAST+.
    Saying it again replaces what an earlier run wrote.
    """
    for needed in (folder, world.fault_rules.parent, world.cache):
        needed.mkdir(parents=True, exist_ok=True)
    known = (folder / "world.json").resolve()
    known.unlink(missing_ok=True)
    known.touch(mode=0o600)  # it holds the account key and the token
    signed = replace(world, signature=_signature(world))
    known.write_text(json.dumps(asdict(signed), default=str, indent=2))
    program = folder / "elastic-blast"
    argv = shlex.join([sys.executable, "-m", "local.elastic_blast", "--world", str(known)])
    path = shlex.quote(str(PROJECT))
    program.write_text(f'#!/bin/sh\nPYTHONPATH={path} exec {argv} "$@"\n')
    program.chmod(0o755)
    return program


def _signature(world: Environment) -> str:
    """A signature for the blobs of the account, to be read and written."""
    from azure.storage.blob import (  # slow, and containers do without it
        AccountSasPermissions,
        ResourceTypes,
        generate_account_sas,
    )

    return generate_account_sas(
        world.account,
        world.account_key,
        ResourceTypes(object=True),
        AccountSasPermissions(read=True, write=True, create=True),
        expiry=datetime.now(UTC) + SIGNED_FOR,
    )
