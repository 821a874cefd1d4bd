"""Logs the Azure CLI in with the container's managed identity."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Literal

from sidecar.helper import Helper
from sidecar.log import log_error, log_event
from sidecar.settings import SidecarSettings

LoginState = Literal["off", "pending", "ok", "failed"]

LONGEST_DELAY = 300.0
"""Upper bound of the delay between two attempts, in seconds."""

DETAIL_LENGTH = 300


class AzLogin:
    """Repeats `az login --identity` into AZURE_CONFIG_DIR until it succeeds.

    One success is enough: the CLI keeps the account, and gets a new token from the identity
    endpoint whenever it needs one.
    """

    def __init__(
        self,
        settings: SidecarSettings,
        helper: Helper,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._helper = helper
        self._sleep = sleep
        self.state: LoginState = "pending" if settings.az_login else "off"

    async def run(self, after_attempt: Callable[[], None]) -> None:
        """Try until it succeeds. Logs each attempt, and calls `after_attempt` after it."""
        for delay in _delays(self._settings.az_login_retry_seconds):
            try:
                self.state = await self._attempt()
            finally:
                after_attempt()
            if self.state == "ok":
                return
            await self._sleep(delay)

    async def _attempt(self) -> LoginState:
        env = self._helper.env
        client_id = env.get("AZURE_CLIENT_ID")
        argv = ["az", "login", "--identity", "--output", "none"]
        if client_id:
            argv += ["--client-id", client_id]
        try:
            Path(env["AZURE_CONFIG_DIR"]).mkdir(mode=0o700, parents=True, exist_ok=True)
            result = await self._helper.run(argv, self._settings.az_login_timeout_seconds)
        except OSError as error:
            return _failed(f"az was not started: {error.strerror}")
        if result.exit_code == 0:
            log_event("az_login_ok")
            return "ok"
        return _failed(self._without_secrets(result.errors.strip())[-DETAIL_LENGTH:])

    def _without_secrets(self, text: str) -> str:
        for name, value in self._helper.env.items():
            if value and (name.startswith("EXEC_TOKEN") or name.endswith(("_HEADER", "_SECRET"))):
                text = text.replace(value, "***")
        return text


def _failed(detail: str) -> LoginState:
    log_error("az_login_failed", detail=detail)
    return "failed"


def _delays(first: float) -> Iterator[float]:
    delay = first
    while True:
        yield min(delay, LONGEST_DELAY)
        delay *= 2
