"""The timer functions while a service is away."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from local.azurite import Azurite
from shared.clients.tables import Table
from shared.dependencies import Dependencies
from shared.errors import AccessRefused, SettingsInvalid, Unavailable
from shared.settings import Settings
from tests.support.dependencies import opened
from tests.support.fake_durable import FakeDurable
from tests.support.samples import ENVIRONMENT
from triggers.timers.schedule import Timers

RUNS: dict[str, Callable[[Timers, Any], Awaitable[None]]] = {
    "reconcile": lambda timers, client: timers.reconcile(timer=None, client=client),  # type: ignore[arg-type]
    "purge": lambda timers, client: timers.purge(timer=None, client=client),  # type: ignore[arg-type]
}


def no_stopper(_: object) -> Any:
    raise AssertionError("no job is to be stopped")


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("error", [Unavailable, AccessRefused])
async def test_a_run_that_finds_no_storage_is_a_warning_and_no_failure(
    azurite: Azurite,
    durable: FakeDurable,
    name: str,
    error: type[Unavailable],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Storage has an alert of its own; the next run does what this one did not."""

    async def away(*_: Any) -> None:
        raise error("storage_unavailable", "Tables answered 503")

    async with opened(azurite) as clients:
        monkeypatch.setattr(Table, "ensure", away)
        await RUNS[name](Timers(clients, no_stopper), durable)
    lines = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert all(record.exc_info is None for record in lines), "no traceback"
    text = f"timer_postponed timer={name} code=storage_unavailable: Tables answered 503"
    assert text in [record.getMessage() for record in lines]


@pytest.mark.parametrize("name", RUNS)
async def test_a_run_with_wrong_settings_fails(name: str, durable: FakeDurable) -> None:
    clients = Dependencies(lambda: Settings.read(ENVIRONMENT | {"BLAST_JOB_TIMEOUT": "soon"}))
    with pytest.raises(SettingsInvalid):
        await RUNS[name](Timers(clients, no_stopper), durable)
