"""The private folders and the clean environment of one command."""

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sidecar.log import log_exception

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
"""Variables of the sidecar that a command gets, besides those that EXEC_PASS_ENV names."""

ADDED = {"ELB_DISABLE_JOB_SUBMISSION_ON_THE_CLOUD": "1", "PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True)
class Workspace:
    """Folders for one command. HOME is inside, which identifies the command's processes."""

    root: Path

    @property
    def cwd(self) -> Path:
        return self.root / "cwd"

    def environment(self, own_env: Mapping[str, str], pass_env: tuple[str, ...]) -> dict[str, str]:
        """The environment of a command, filtered from `own_env`, the sidecar's."""
        passed = {
            name: value
            for name, value in own_env.items()
            if name in PASSED or name in pass_env or name.startswith(PASSED_PREFIXES)
        }
        private = {"HOME": str(self.root / "home"), "TMPDIR": str(self.root / "tmp")}
        return {**passed, **ADDED, **private}

    def make(self) -> None:
        for name in ("home", "tmp", "cwd"):
            (self.root / name).mkdir(mode=0o700, parents=True)

    def remove(self) -> None:
        """Remove the folders; the next start removes any that cannot be removed now. Idempotent."""
        shutil.rmtree(self.root, ignore_errors=True)

    async def remove_in_thread(self) -> None:
        """Remove the folders beside the event loop. A failure is logged: it must cost neither the
        result of a command nor the slot that is given back after this."""
        try:
            await asyncio.to_thread(self.remove)
        except Exception:  # noqa: BLE001  of any kind, such as that no thread can be started
            log_exception("workspace_not_removed", folder=str(self.root))
