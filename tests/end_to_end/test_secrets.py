"""Failure 22: whatever of the local run holds a token can be read by its owner alone."""

import json
from pathlib import Path

from tests.end_to_end.conftest import StackFixture


def secrets_of(folder: Path) -> list[bytes]:
    """The tokens of a run, and the signature with which it reads and writes blobs."""
    tokens = [path.read_bytes() for path in folder.glob("*.token")]
    signature = json.loads((folder / "bin" / "world.json").read_text())["signature"]
    return [*tokens, str(signature).partition("sig=")[2].partition("&")[0].encode()]


def test_failure_22_files_with_tokens_are_their_owners_alone(world: StackFixture) -> None:
    assert world.ended(world.submit())["status"] == "completed"
    secrets = secrets_of(world.stack.folder)
    assert len(secrets) == 3 and all(secrets)
    files = [path for path in world.stack.folder.rglob("*") if path.is_file()]
    holding = [path for path in files if any(one in path.read_bytes() for one in secrets)]
    assert {path.name for path in holding} >= {"kubeconfig", "app.kubeconfig", "sidecar.token"}
    assert [path for path in holding if path.stat().st_mode & 0o077] == []
