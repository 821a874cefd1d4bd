"""The private folders of one command, and the clean environment it gets."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PASSED = frozenset(
    {
        "PATH",
        "LANG",
        "TZ",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "all_proxy",
        "AZURE_CLIENT_ID",
        "AZURE_CONFIG_DIR",
        "AZURE_TENANT_ID",
    }
)
PASSED_PREFIXES = ("LC_", "IDENTITY_", "AZCOPY_")
"""The sidecar's variables that reach a command, besides those that EXEC_PASS_ENV names."""

ADDED = {"ELB_DISABLE_JOB_SUBMISSION_ON_THE_CLOUD": "1", "PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True)
class Sandbox:
    """Folders that nobody else has. HOME lies inside, by which a process can be recognised."""

    root: Path

    @property
    def cwd(self) -> Path:
        return self.root / "cwd"

    def environment(self, ours: Mapping[str, str], pass_env: tuple[str, ...]) -> dict[str, str]:
        """What a command sees of `ours`, the sidecar's own environment."""
        passed = {
            name: value
            for name, value in ours.items()
            if name in PASSED or name in pass_env or name.startswith(PASSED_PREFIXES)
        }
        private = {"HOME": str(self.root / "home"), "TMPDIR": str(self.root / "tmp")}
        return {**passed, **ADDED, **private}

    def make(self) -> None:
        for name in ("home", "tmp", "cwd"):
            (self.root / name).mkdir(mode=0o700, parents=True)

    def remove(self) -> None:
        """Folders that cannot be removed are left for the next start. Safe to say twice."""
        shutil.rmtree(self.root, ignore_errors=True)
