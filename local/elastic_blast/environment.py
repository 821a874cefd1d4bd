"""The local elastic-blast's storage and cluster, and its installation into a folder on PATH."""

import json
import shlex
import sys
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PYTHON_ENV = {
    "PYTHONPATH": str(PROJECT),
    # The Makefile's: commands of the sidecar and containers do not inherit it.
    "PYTHONPYCACHEPREFIX": str(PROJECT / ".state" / "pycache"),
}
"""The environment of `python -m local.elastic_blast`."""

SAS_VALIDITY = timedelta(days=365)
"""Validity of the SAS; each start of the local run makes a new one."""


@dataclass(frozen=True)
class Environment:
    """The storage account, the cluster and the folders of the local elastic-blast."""

    account: str
    blob_endpoint: str
    """Includes the account: `http://127.0.0.1:PORT/devstoreaccount1`."""
    account_key: str
    cluster_url: str
    cluster_token: str
    fault_rules: Path
    """The fault rules' file; if missing, nothing fails. `calls.jsonl` is beside it."""
    cache: Path
    """The folder of downloaded databases."""
    is_patched: bool = True
    """Whether elastic-blast is the dashboard's build: columns after `-outfmt` stay one argument,
    and shards are merged in more formats."""
    signature: str = ""
    """An account SAS that containers append to blob URLs; made by `install`."""

    @property
    def calls(self) -> Path:
        return self.fault_rules.parent / "calls.jsonl"


def read_environment(path: Path) -> Environment:
    """Read the file that `install` wrote."""
    fields = json.loads(path.read_text())
    return Environment(
        **{**fields, "fault_rules": Path(fields["fault_rules"]), "cache": Path(fields["cache"])}
    )


def install(folder: Path, environment: Environment) -> Path:
    """Write an executable `elastic-blast` and its environment file into `folder`.

    Returns the program's path. The program needs only a PATH with BLAST+ in its environment.
    Idempotent: replaces the files of an earlier run.
    """
    for needed_folder in (folder, environment.fault_rules.parent, environment.cache):
        needed_folder.mkdir(parents=True, exist_ok=True)
    environment_file = (folder / "environment.json").resolve()
    environment_file.unlink(missing_ok=True)
    environment_file.touch(mode=0o600)  # it holds the account key and the token
    signed = replace(environment, signature=_signature(environment))
    environment_file.write_text(json.dumps(asdict(signed), default=str, indent=2))
    program = folder / "elastic-blast"
    argv = shlex.join(
        [sys.executable, "-m", "local.elastic_blast", "--environment", str(environment_file)]
    )
    variables = " ".join(f"{name}={shlex.quote(value)}" for name, value in PYTHON_ENV.items())
    program.write_text(f'#!/bin/sh\n{variables} exec {argv} "$@"\n')
    program.chmod(0o755)
    return program


def _signature(environment: Environment) -> str:
    """An account SAS that allows reading and writing blobs."""
    from azure.storage.blob import (  # slow import; containers skip it
        AccountSasPermissions,
        ResourceTypes,
        generate_account_sas,
    )

    return generate_account_sas(
        environment.account,
        environment.account_key,
        ResourceTypes(object=True),
        AccountSasPermissions(read=True, write=True, create=True),
        expiry=datetime.now(UTC) + SAS_VALIDITY,
    )
