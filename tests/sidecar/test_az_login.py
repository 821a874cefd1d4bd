"""The login of the Azure CLI at start, with an `az` that requires it."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sidecar.az_login import AzLogin, _delays
from sidecar.helper import Helper
from sidecar.settings import SidecarSettings, read_settings
from tests.sidecar.sidecar_fixture import TOKEN, CommandPipe, Sidecar, command, launch, until

AZ = r"""#!/bin/sh
# Knows the account only if `login` has written it into AZURE_CONFIG_DIR, as the real one does.
echo "$*" >> FOLDER/calls
profile="$AZURE_CONFIG_DIR/azureProfile.json"
case "$1" in
  login)
    [ -p FOLDER/pipe ] && { exec 3> FOLDER/pipe; echo started >&3; exec sleep 600; }
    [ -e FOLDER/fails ] && { echo "no identity, header is $IDENTITY_HEADER" >&2; exit 1; }
    echo subscription-1 > "$profile"; echo "a long text about subscriptions" ;;
  account)
    [ -s "$profile" ] || { echo "Please run 'az login' to setup account." >&2; exit 1; }
    cat "$profile" ;;
esac
"""


@pytest.fixture
def open_with_az(own_sidecar: Callable[..., Sidecar], tmp_path: Path) -> Callable[..., Sidecar]:
    """Starts a sidecar that logs in; `tmp_path` has its az's call log and control files."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "az").write_text(AZ.replace("FOLDER", str(tmp_path)))
    (tools / "az").chmod(0o755)
    # Runs `az account show`, as elastic-blast does.
    (tools / "elastic-blast").write_text("#!/bin/sh\nexec az account show\n")
    (tools / "elastic-blast").chmod(0o755)

    def open_with_login(**env: str) -> Sidecar:
        settings = {
            "PATH": f"{tools}:/usr/bin:/bin",
            "EXEC_AZ_LOGIN": "identity",
            "EXEC_AZ_LOGIN_RETRY_SECONDS": "1",
            "AZURE_CONFIG_DIR": str(tmp_path / "azure"),
        }
        return own_sidecar(**{**settings, **env})

    return open_with_login


def login_state(sidecar: Sidecar) -> Any:
    return sidecar.request("GET", "/healthz").body["az_login"]


def test_commands_use_the_account_logged_in_at_start(
    open_with_az: Callable[..., Sidecar], tmp_path: Path
) -> None:
    sidecar = open_with_az(AZURE_CLIENT_ID="client-1")
    until(lambda: login_state(sidecar) == "ok")
    assert sidecar.run("submit")["stdout"] == "subscription-1\n"
    direct = sidecar.request("POST", "/exec", {"argv": ["az", "account", "show"]}).body
    assert direct["stdout"] == "subscription-1\n"
    assert (tmp_path / "calls").read_text().splitlines()[0] == (
        "login --identity --output none --client-id client-1"
    )
    assert (tmp_path / "azure").stat().st_mode & 0o777 == 0o700


def test_without_a_client_id_the_system_identity_logs_in(
    open_with_az: Callable[..., Sidecar], tmp_path: Path
) -> None:
    sidecar = open_with_az()
    until(lambda: login_state(sidecar) == "ok")
    assert (tmp_path / "calls").read_text() == "login --identity --output none\n"


def test_without_a_login_the_command_fails_by_itself(open_with_az: Callable[..., Sidecar]) -> None:
    """As elastic-blast fails in an image without a login."""
    sidecar = open_with_az(EXEC_AZ_LOGIN="")
    ended = sidecar.run("submit")
    assert (ended["exit_code"], ended["stderr"]) == (
        1,
        "Please run 'az login' to setup account.\n",
    )
    assert login_state(sidecar) == "off"


@pytest.mark.acceptance
def test_a_failed_login_is_logged_and_retried_while_the_sidecar_serves(
    open_with_az: Callable[..., Sidecar], tmp_path: Path
) -> None:
    (tmp_path / "fails").touch()
    sidecar = open_with_az(IDENTITY_HEADER="secret-header")
    until(lambda: login_state(sidecar) == "failed")
    assert sidecar.run("submit")["exit_code"] == 1
    failed = sidecar.event("az_login_failed")
    assert (failed["level"], failed["detail"]) == ("error", "no identity, header is ***")
    (tmp_path / "fails").unlink()
    until(lambda: login_state(sidecar) == "ok")
    assert sidecar.run("submit")["stdout"] == "subscription-1\n"
    assert "secret-header" not in sidecar.log and TOKEN not in sidecar.log


def test_a_missing_az_is_a_failed_login(
    own_sidecar: Callable[..., Sidecar], tmp_path: Path
) -> None:
    sidecar = own_sidecar(EXEC_AZ_LOGIN="identity", AZURE_CONFIG_DIR=str(tmp_path / "azure"))
    until(lambda: login_state(sidecar) == "failed")
    assert "No such file" in sidecar.event("az_login_failed")["detail"]
    assert sidecar.run("say", "hi")["stdout"] == "hi"


def test_commands_are_refused_until_the_first_login_and_other_requests_are_served(
    open_with_az: Callable[..., Sidecar], tmp_path: Path
) -> None:
    """A search submitted during the login must not fail because of it."""
    pipe = CommandPipe(tmp_path)
    sidecar = open_with_az()
    pipe.wait_started()
    assert login_state(sidecar) == "pending"
    for method, path in (("POST", "/exec"), ("POST", "/exec/stream"), ("PUT", "/operations/a")):
        response = sidecar.request(method, path, command("submit"))
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0
    assert sidecar.request("GET", "/operations/a").status == 404
    assert sidecar.request("POST", "/exec", {}).status == 400
    sidecar.child.process.terminate()
    assert sidecar.child.process.wait(20) == 0
    assert pipe.wait_closed() == ""


@pytest.mark.acceptance
def test_a_hanging_az_is_killed_and_does_not_block_commands(
    open_with_az: Callable[..., Sidecar], tmp_path: Path
) -> None:
    pipe = CommandPipe(tmp_path)
    sidecar = open_with_az(EXEC_AZ_LOGIN_TIMEOUT_SECONDS="1", EXEC_AZ_LOGIN_RETRY_SECONDS="300")
    pipe.wait_started()
    assert pipe.wait_closed() == ""
    until(lambda: login_state(sidecar) == "failed")
    assert sidecar.event("az_login_failed")["detail"] == "no answer within 1 s"
    assert sidecar.run("submit")["exit_code"] == 1


def test_a_waiting_sidecar_does_not_log_in(
    open_with_az: Callable[..., Sidecar], tmp_path: Path
) -> None:
    first = open_with_az()
    until(lambda: login_state(first) == "ok")
    (tmp_path / "second").mkdir()
    second = Sidecar(tmp_path / "second", launch(tmp_path / "second", first.env), first.env)
    try:
        assert login_state(second) == "pending"
        assert (tmp_path / "calls").read_text().count("login") == 1
        first.child.kill()
        until(lambda: login_state(second) == "ok")
    finally:
        second.child.stop()


async def test_login_delays_double_and_end_with_the_first_success(tmp_path: Path) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 9:
            tools.mkdir()
            (tools / "az").write_text("#!/bin/sh\n")
            (tools / "az").chmod(0o755)

    tools = tmp_path / "late"
    settings = login_settings(tmp_path)
    env = {"PATH": f"{tools}:/bin", "AZURE_CONFIG_DIR": str(tmp_path / "azure")}
    attempts: list[str] = []
    login = AzLogin(settings, Helper(env, (), tmp_path / "work"), sleep)
    await login.run(lambda: attempts.append(login.state))
    assert slept == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    assert login.state == "ok"
    assert len(attempts) == 10


def test_login_delays_are_capped_at_five_minutes() -> None:
    assert set(itertools.islice(_delays(5), 10, 5000)) == {300}


def login_settings(folder: Path) -> SidecarSettings:
    return read_settings(
        {
            "EXEC_TOKEN": TOKEN,
            "EXEC_AZ_LOGIN": "identity",
            "AZURE_CONFIG_DIR": str(folder / "azure"),
        }
    )
