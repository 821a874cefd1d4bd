"""Failure 22: files of the local run that contain secrets are private."""

import json
from pathlib import Path

import pytest

from tests.end_to_end.conftest import StackFixture


def secrets_of(folder: Path) -> list[bytes]:
    """The tokens of a run and its SAS signature."""
    tokens = [path.read_bytes() for path in folder.glob("*.token")]
    signature = json.loads((folder / "bin" / "environment.json").read_text())["signature"]
    return [*tokens, str(signature).partition("sig=")[2].partition("&")[0].encode()]


@pytest.mark.acceptance
def test_failure_22_files_with_secrets_have_private_modes(system: StackFixture) -> None:
    assert system.ended(system.submit())["status"] == "completed"
    secrets = secrets_of(system.stack.folder)
    assert len(secrets) == 3 and all(secrets)
    files = [path for path in system.stack.folder.rglob("*") if path.is_file()]
    holding = [path for path in files if any(secret in path.read_bytes() for secret in secrets)]
    assert {path.name for path in holding} >= {"kubeconfig", "app.kubeconfig", "sidecar.token"}
    assert [path for path in holding if path.stat().st_mode & 0o077] == []
