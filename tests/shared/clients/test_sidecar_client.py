"""The sidecar client against the real sidecar."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from shared.clients.sidecar import SidecarClient
from shared.contracts.exec import (
    Command,
    Finished,
    Health,
    HttpRejection,
    Interrupted,
    OperationRunning,
    Untracked,
)
from tests.sidecar import sidecar_fixture
from tests.sidecar.sidecar_fixture import NEXT_TOKEN, TOKEN, CommandPipe

NO_WAIT, LONG = timedelta(0), timedelta(seconds=20)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sidecar_fixture.Sidecar]:
    running = sidecar_fixture.open_sidecar(tmp_path_factory.mktemp("sidecar"))
    yield running
    running.child.stop()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[sidecar_fixture.Sidecar]:
    running = sidecar_fixture.open_sidecar(tmp_path / "sidecar", EXEC_MAX_CONCURRENCY="1")
    yield running
    running.child.stop()


@pytest.fixture
def client(real: sidecar_fixture.Sidecar) -> SidecarClient:
    return SidecarClient(real.child.url, lambda: TOKEN)


@pytest.fixture
def life(tmp_path: Path) -> CommandPipe:
    return CommandPipe(tmp_path)


def _command(*argv: str, stdin: str | None = None, seconds: float = 60) -> Command:
    return Command(("elastic-blast", *argv), stdin, timedelta(seconds=seconds))


async def _instance(client: SidecarClient) -> str:
    health = await client.health()
    assert isinstance(health, Health) and health.instance
    return health.instance


async def test_health_reports_slots_operations_and_instance(client: SidecarClient) -> None:
    health = await client.health()
    assert health == Health(max_concurrency=4, operations=True, instance=await _instance(client))


async def test_failure_48_the_token_is_checked_without_running_anything(
    real: sidecar_fixture.Sidecar,
) -> None:
    assert await SidecarClient(real.child.url, lambda: TOKEN).check_token() is None
    wrong = await SidecarClient(real.child.url, lambda: NEXT_TOKEN).check_token()
    assert wrong == HttpRejection(401, "missing or invalid X-Exec-Token", None)


async def test_failure_47_another_instance_starts_nothing(
    client: SidecarClient, tmp_path: Path
) -> None:
    note = _command("note", str(tmp_path / "notes"))
    result = await client.run_operation("elsewhere", note, LONG, "another-instance")
    assert isinstance(result, HttpRejection) and result.status == 412
    assert await client.get_operation("elsewhere", NO_WAIT, await _instance(client)) is None
    assert not (tmp_path / "notes").exists()


async def test_an_operation_that_ends_within_the_wait_returns_its_result(
    client: SidecarClient,
) -> None:
    command, instance = _command("cat", stdin="größe"), await _instance(client)
    result = await client.run_operation("cat", command, LONG, instance)
    assert isinstance(result, Finished)
    assert (result.exit_code, result.stdout, result.timed_out) == (0, "größe", False)
    assert timedelta(0) <= result.duration < LONG
    assert await client.run_operation("cat", command, LONG, instance) == result
    assert await client.get_operation("cat", NO_WAIT, instance) == result


async def test_an_operation_that_exceeds_the_wait_is_running_and_can_be_stopped(
    client: SidecarClient, life: CommandPipe
) -> None:
    hold = _command("hold", life.path)
    begun = await client.run_operation("long", hold, NO_WAIT, await _instance(client))
    life.wait_started()
    assert isinstance(begun, OperationRunning) and begun.started_at
    assert (
        await client.run_operation("long", hold, timedelta(seconds=0.3), await _instance(client))
        == begun
    )
    assert await client.get_operation("long", NO_WAIT, await _instance(client)) == begun
    ended = await client.stop_operation("long", await _instance(client))
    assert isinstance(ended, Finished) and ended.exit_code == 143
    assert life.wait_closed() == ""
    assert await client.stop_operation("long", await _instance(client)) == ended


async def test_repeated_puts_start_one_command(client: SidecarClient, tmp_path: Path) -> None:
    note = _command("note", str(tmp_path / "notes"))
    instance = await _instance(client)
    puts = (client.run_operation("once", note, LONG, instance) for _ in range(8))
    results = await asyncio.gather(*puts)
    assert all(isinstance(result, Finished) for result in results)
    assert (tmp_path / "notes").read_text() == "started\n"


async def test_an_operation_that_was_never_started_is_none(client: SidecarClient) -> None:
    assert await client.get_operation("never", NO_WAIT, await _instance(client)) is None
    assert await client.stop_operation("never", await _instance(client)) is None


async def test_failure_47_an_operation_of_another_instance_is_untracked(
    client: SidecarClient,
) -> None:
    for number, instance in enumerate((None, "another-instance")):
        assert isinstance(await client.get_operation(f"far-{number}", NO_WAIT, instance), Untracked)
        for _ in range(2):  # the first time, it must not be remembered as one of its own
            assert isinstance(await client.stop_operation(f"far-{number}", instance), Untracked)


async def test_another_command_with_the_same_id_is_rejected(client: SidecarClient) -> None:
    await client.run_operation("taken", _command("say", "hi"), LONG, await _instance(client))
    result = await client.run_operation(
        "taken", _command("say", "ho"), LONG, await _instance(client)
    )
    assert result == HttpRejection(409, "operation taken exists with another body", None)


async def test_an_operation_that_exceeds_its_timeout_reports_it(
    client: SidecarClient, life: CommandPipe
) -> None:
    await client.run_operation(
        "over", _command("hold", life.path, seconds=1), NO_WAIT, await _instance(client)
    )
    life.wait_started()
    result = await client.get_operation("over", LONG, await _instance(client))
    assert isinstance(result, Finished)
    assert (result.exit_code, result.timed_out) == (124, True)


async def test_after_a_crash_an_operation_is_interrupted(
    own: sidecar_fixture.Sidecar, life: CommandPipe
) -> None:
    hold = _command("hold", life.path)
    before = SidecarClient(own.child.url, lambda: TOKEN)
    await before.run_operation("ran", hold, NO_WAIT, await _instance(before))
    life.wait_started()
    own.child.kill()
    own.restart()
    client = SidecarClient(own.child.url, lambda: TOKEN)
    assert await client.get_operation("ran", NO_WAIT, await _instance(client)) == Interrupted()
    assert await client.run_operation("ran", hold, LONG, await _instance(client)) == Interrupted()
    assert await client.stop_operation("ran", await _instance(client)) == Interrupted()


async def test_a_busy_sidecar_sends_retry_after(
    own: sidecar_fixture.Sidecar, life: CommandPipe
) -> None:
    client = SidecarClient(own.child.url, lambda: TOKEN)
    await client.run_operation("ran", _command("hold", life.path), NO_WAIT, await _instance(client))
    life.wait_started()
    for result in (
        await client.exec(_command("say")),
        await client.run_operation("b", _command("say"), LONG, await _instance(client)),
    ):
        assert result == HttpRejection(503, "exec server busy", timedelta(seconds=5))


async def test_a_command_runs_synchronously(client: SidecarClient) -> None:
    result = await client.exec(_command("complain", "no such database", "2"))
    assert isinstance(result, Finished)
    assert (result.exit_code, result.stderr) == (2, "no such database\n")


async def test_a_missing_binary_is_rejected_by_name(client: SidecarClient) -> None:
    missing = Command(("azcopy", "copy"), None, LONG)
    for result in (
        await client.exec(missing),
        await client.run_operation("missing", missing, LONG, await _instance(client)),
    ):
        assert result == HttpRejection(500, "exec failed: azcopy not found on PATH", None)


async def test_a_binary_that_is_not_allowed_is_rejected(client: SidecarClient) -> None:
    result = await client.exec(Command(("bash", "-c", "id"), None, LONG))
    assert isinstance(result, HttpRejection) and result.status == 403


async def test_a_changed_token_is_read_again(real: sidecar_fixture.Sidecar) -> None:
    tokens = iter([NEXT_TOKEN, TOKEN])
    client = SidecarClient(real.child.url, lambda: next(tokens))
    result = await client.exec(_command("say", "hi"))
    assert isinstance(result, Finished) and result.stdout == "hi"
    assert isinstance(await client.exec(_command("say", "hi")), Finished)


async def test_a_wrong_token_is_retried_once(
    real: sidecar_fixture.Sidecar,
) -> None:
    tokens = iter([NEXT_TOKEN, NEXT_TOKEN])
    client = SidecarClient(real.child.url, lambda: next(tokens))
    assert await client.exec(_command("say", "hi")) == HttpRejection(
        401, "missing or invalid X-Exec-Token", None
    )


async def test_a_large_result_is_complete(client: SidecarClient) -> None:
    result = await client.run_operation(
        "flood", _command("flood", str(9 * 1024 * 1024)), LONG, await _instance(client)
    )
    assert isinstance(result, Finished)
    assert len(result.stdout) == 8 * 1024 * 1024
    assert result.stdout.endswith('{"end": true}\n')
