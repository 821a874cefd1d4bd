"""Clean-ups that fail: they are logged, and cost nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.admission import Admission
from sidecar.command_runner import CommandRunner
from sidecar.exec_request import ExecCommand
from sidecar.helper import Helper
from sidecar.output import CapturedOutput
from sidecar.service import CannotServe, Service, serve
from sidecar.settings import read_settings
from sidecar.workspace import Workspace
from tests.sidecar.sidecar_fixture import TOKEN

ENV = {"PATH": "/usr/bin:/bin"}


@pytest.fixture
def failing_removal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def fail(_: Workspace) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Workspace, "remove", fail)
    yield


@pytest.mark.usefixtures("failing_removal")
async def test_folders_that_stay_cost_neither_the_result_of_a_command_nor_its_slot(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = read_settings({"EXEC_TOKEN": TOKEN, "EXEC_STATE_DIR": str(tmp_path)})
    admission = Admission(1, 1000, lambda: 0.0)
    runner = CommandRunner(settings, ENV, tmp_path, admission)
    for _ in range(2):
        admission.enter()
        command = ExecCommand(("sh", "-c", "exit 3"), None, None, 5)
        ended = await runner.start(command, CapturedOutput().take).task
        assert ended.exit_code == 3
    await runner.close()
    assert caplog.text.count("workspace_not_removed") == 2
    assert "can't start new thread" in caplog.text


@pytest.mark.usefixtures("failing_removal")
async def test_folders_that_stay_hide_no_error_of_a_helper(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    helper = Helper(ENV, (), tmp_path)
    assert (await helper.run(["sh", "-c", "exit 4"], 5)).exit_code == 4
    with pytest.raises(FileNotFoundError):
        await helper.run(["no-such-program"], 5)
    assert caplog.text.count("workspace_not_removed") == 2


async def test_a_service_that_cannot_be_closed_hides_no_error_of_its_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    close = Service.close

    async def close_and_fail(service: Service) -> None:
        await close(service)
        raise RuntimeError("a listener does not close")

    (tmp_path / "file").write_text("no folder")
    state = str(tmp_path / "file" / "state")
    monkeypatch.setattr(Service, "close", close_and_fail)
    with pytest.raises(CannotServe, match="EXEC_STATE_DIR"):
        await serve(
            read_settings({"EXEC_TOKEN": TOKEN, "EXEC_STATE_DIR": state, "EXEC_PORT": "0"}), ENV
        )
    assert "close_failed" in caplog.text and "a listener does not close" in caplog.text
