"""The life cycle of an exec server: listen, acquire the state folder, serve, shut down."""

import asyncio
import shutil
import signal
import sys
import time
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from sidecar.admission import Admission
from sidecar.az_login import AzLogin
from sidecar.command_runner import CommandRunner
from sidecar.hardening import processes_exposing
from sidecar.helper import Helper
from sidecar.http_runner import JsonErrorRunner
from sidecar.log import log_error, log_event, log_exception
from sidecar.operations import Operations
from sidecar.orphans import end_orphans
from sidecar.pod_script import PodScript, check_pod_script
from sidecar.records import Records
from sidecar.server import ExecServer
from sidecar.settings import SidecarSettings
from sidecar.state_lock import StateLock
from sidecar.tokens import Tokens

PURGE_SECONDS = 600
CLOSE_SECONDS = 2
"""How long responses may take to reach their clients at shutdown."""


class CannotServe(Exception):
    """The server cannot start; the text gives the reason in one sentence."""


async def serve(settings: SidecarSettings, env: Mapping[str, str]) -> None:
    """Serve until SIGTERM or SIGINT. Raises CannotServe, or TimeoutError from `end_orphans`.

    Listens before it holds the state folder, so that a server that waits for another one is
    healthy. Releases the lock last, when no command runs any more.
    """
    stopping = _stop_event()
    service = Service(settings, env)
    url = await service.listen()
    lock = StateLock(settings.state_dir)
    try:
        lock.start()
        await _until(lock.is_free, stopping)
        if lock.is_free.done() and not lock.is_free.result():
            log_event("waiting_for_state", state_dir=str(settings.state_dir))
            _print_ready(url)
        await _until(lock.acquired, stopping)
        if not stopping.is_set():
            await service.open()
            if lock.is_free.result():
                _print_ready(url)
        await stopping.wait()
    except TimeoutError:
        raise
    except OSError as error:
        raise CannotServe(
            f"cannot use {settings.state_dir} (EXEC_STATE_DIR): {error.strerror}"
        ) from error
    finally:
        await _end(service, lock)
    log_event("ended")


async def _end(service: "Service", lock: StateLock) -> None:
    """Close the service, then release the lock. A failure is logged: the caller of `serve` gets the
    error for which the server ends, and the next server the state folder."""
    try:
        await service.close()
    except Exception:  # noqa: BLE001  of any kind: it must not take the place of the first error
        log_exception("close_failed")
    finally:
        lock.release()


class Service:
    """The parts of a sidecar and its background tasks."""

    def __init__(self, settings: SidecarSettings, env: Mapping[str, str]) -> None:
        self._settings = settings
        self._work = settings.state_dir / "work"
        self._admission = Admission(
            settings.max_concurrency, settings.rate_per_minute, time.monotonic
        )
        self._commands = CommandRunner(settings, env, self._work, self._admission)
        self._records = Records(settings.state_dir / "operations")
        self._operations = Operations(
            self._records, self._commands, self._admission, lambda: datetime.now(UTC)
        )
        self._helper = Helper(env, settings.pass_env, self._work)
        self._login = AzLogin(settings, self._helper)
        self._pod_script: PodScript = "unknown"
        self._server = ExecServer(
            settings, self._admission, self._commands, self._operations, self._facts
        )
        self._runner = _runner(settings, self._server)
        self._tasks: list[asyncio.Task[None]] = []

    async def listen(self) -> str:
        """Start to listen; return the URL. Raises CannotServe."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._settings.host, self._settings.port).start()
        except OSError as error:
            await self._runner.cleanup()
            address = f"{self._settings.host} port {self._settings.port}"
            raise CannotServe(f"cannot listen at {address}: {error.strerror}") from error
        host, port = self._runner.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def open(self) -> None:
        """Serve from the state folder, which this process holds. Raises OSError, TimeoutError."""
        orphans = await asyncio.to_thread(end_orphans, self._work)
        await asyncio.to_thread(shutil.rmtree, self._work, ignore_errors=True)
        instance = await asyncio.to_thread(self._records.open)
        self._log_exposed_token()
        background = [self._purge(), self._check_pod_script()]
        if self._settings.az_login:
            # Commands wait for the first attempt: without a login, elastic-blast fails permanently.
            self._admission.pause()
            background.append(self._login.run(self._admission.resume))
        self._tasks = [asyncio.create_task(_logged(work)) for work in background]
        self._server.open(instance)
        log_event(
            "started",
            instance=instance,
            max_concurrency=self._settings.max_concurrency,
            orphans_ended=orphans,
        )

    async def close(self) -> None:
        """End all commands and answer their callers. Safe if `open` was never called."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._commands.close()
        await self._operations.close()
        await self._runner.cleanup()

    def _facts(self) -> dict[str, object]:
        return {"pod_script": self._pod_script, "az_login": self._login.state}

    def _log_exposed_token(self) -> None:
        exposed = processes_exposing(Tokens(list(self._settings.token_sources)).values())
        if exposed:
            log_error("token_exposed", processes=exposed)

    async def _purge(self) -> None:
        retention = timedelta(hours=self._settings.retention_hours)
        while True:
            try:
                await self._operations.purge(retention)
            except Exception:  # noqa: BLE001 one failed purge must not prevent the next
                log_exception("purge_failed")
            await asyncio.sleep(PURGE_SECONDS)

    async def _check_pod_script(self) -> None:
        self._pod_script = await check_pod_script(self._helper)


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:  # noqa: BLE001 an unexpected error in a background task must be logged
        log_exception("task_failed")


def _runner(settings: SidecarSettings, server: ExecServer) -> web.AppRunner:
    return JsonErrorRunner(
        server.application(),
        server.headers,
        handler_cancellation=True,
        # Counts from the moment of connection, so it also bounds the time for a request's header.
        keepalive_timeout=settings.header_seconds,
        access_log=None,
        auto_decompress=False,
        shutdown_timeout=CLOSE_SECONDS,
    )


def _stop_event() -> asyncio.Event:
    """Set by SIGTERM and SIGINT."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


async def _until(awaited: asyncio.Future[Any], stopping: asyncio.Event) -> None:
    """Wait for the future or for `stopping`. Raises the future's exception."""
    end = asyncio.create_task(stopping.wait())
    await asyncio.wait({awaited, end}, return_when=asyncio.FIRST_COMPLETED)
    end.cancel()
    if awaited.done():
        awaited.result()


def _print_ready(url: str) -> None:
    sys.stdout.write(f"ready {url}\n")
    sys.stdout.flush()
