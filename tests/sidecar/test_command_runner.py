import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.sidecar.sidecar_fixture import TOKEN, CommandPipe, Sidecar, command, until

PASSED = {
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TZ": "Asia/Seoul",
    "SSL_CERT_FILE": "/certs/a.pem",
    "SSL_CERT_DIR": "/certs",
    "HTTPS_PROXY": "http://proxy:1",
    "no_proxy": "localhost",
    "AZURE_CLIENT_ID": "client",
    "AZURE_TENANT_ID": "tenant",
    "AZURE_CONFIG_DIR": "/azure",
    "IDENTITY_ENDPOINT": "http://identity:1",
    "AZCOPY_AUTO_LOGIN_TYPE": "MSI",
    "KUBECONFIG": "/kube",
}
BLOCKED = {
    "AZURE_RESOURCE_GROUP": "other",
    "AZURE_REGION": "other",
    "AZURE_STORAGE_ACCOUNT": "other",
    "AZURE_STORAGE_ACCOUNT_KEY": "other",
    "AZURE_ACR_NAME": "other",
    "AZURE_CLIENT_SECRET": "other",
    "ELB_CLUSTER_NAME": "other",
    "ELB_DISABLE_JOB_SUBMISSION_ON_THE_CLOUD": "0",
    "SOMETHING": "other",
}
ALLOWED_NAMES = re.compile(
    r"PATH|LANG|LC_.*|TZ|SSL_CERT_(FILE|DIR)|(HTTPS?|NO|ALL)_PROXY|(https?|no|all)_proxy"
    r"|AZURE_(CLIENT|TENANT)_ID|AZURE_CONFIG_DIR|IDENTITY_.*|AZCOPY_.*|KUBECONFIG|HOME|TMPDIR|PYTHONUNBUFFERED"
    r"|ELB_DISABLE_JOB_SUBMISSION_ON_THE_CLOUD|_|PWD|OLDPWD|SHLVL"
)
"""The README's list, and at the end the variables that a shell adds."""


def test_a_command_gets_only_allowed_variables(
    own_sidecar: Callable[..., Sidecar],
) -> None:
    sidecar = own_sidecar(**PASSED, **BLOCKED, EXEC_PASS_ENV="KUBECONFIG")
    lines = sidecar.run("env")["stdout"].splitlines()
    seen = dict(line.split("=", 1) for line in lines)
    for name in ("HOME", "TMPDIR", "PWD"):
        assert seen[name].startswith(str(sidecar.state / "work"))
    assert {name: seen.get(name) for name in PASSED} == PASSED
    assert set(seen) & set(BLOCKED) == {"ELB_DISABLE_JOB_SUBMISSION_ON_THE_CLOUD"}
    assert seen["ELB_DISABLE_JOB_SUBMISSION_ON_THE_CLOUD"] == "1"
    assert [name for name in seen if not ALLOWED_NAMES.fullmatch(name)] == []


def test_a_command_has_empty_folders_of_its_own_that_are_removed(sidecar: Sidecar) -> None:
    first, second = sidecar.run("where")["stdout"], sidecar.run("where")["stdout"]
    folders = [*first.splitlines()[:3], *second.splitlines()[:3]]
    assert len(set(folders)) == 6
    assert "left" not in second
    assert not any(Path(folder).exists() for folder in folders)


def test_cwd_sets_the_working_folder(sidecar: Sidecar, tmp_path: Path) -> None:
    output = sidecar.run("where", cwd=str(tmp_path))["stdout"]
    assert output.splitlines()[0] == str(tmp_path)


def test_a_command_can_ignore_its_stdin(sidecar: Sidecar) -> None:
    assert sidecar.run("say", "hi", stdin="x" * 1_000_000)["stdout"] == "hi"


def test_without_stdin_a_command_reads_eof(sidecar: Sidecar) -> None:
    assert sidecar.run("cat")["stdout"] == ""


def test_the_end_of_a_long_output_is_kept(sidecar: Sidecar) -> None:
    body = sidecar.run("flood", str(20 * 1024 * 1024))
    assert body["stdout_truncated"] and not body["stderr_truncated"]
    assert len(body["stdout"]) == 8 * 1024 * 1024
    assert body["stdout"].endswith('x{"end": true}\n')


def test_a_signal_sets_the_exit_code(sidecar: Sidecar) -> None:
    assert sidecar.run("die")["exit_code"] == 128 + 9


@pytest.mark.acceptance
def test_a_timed_out_command_can_clean_up(sidecar: Sidecar, pipe: CommandPipe) -> None:
    body = _run_alongside(sidecar, pipe, "gentle", timeout_seconds=1)
    assert (body["exit_code"], body["timed_out"], body["stdout"]) == (124, True, "tidy\n")


@pytest.mark.parametrize("way", ["hold", "deaf", "family"])
def test_a_timeout_ends_the_whole_group(sidecar: Sidecar, pipe: CommandPipe, way: str) -> None:
    body = _run_alongside(sidecar, pipe, way, timeout_seconds=1)
    assert (body["exit_code"], body["timed_out"]) == (124, True)
    assert pipe.wait_closed() == ""


def test_background_processes_end_with_their_command(sidecar: Sidecar, pipe: CommandPipe) -> None:
    assert _run_alongside(sidecar, pipe, "orphan")["exit_code"] == 0
    assert pipe.wait_closed() == ""


@pytest.mark.acceptance
def test_a_process_outside_the_group_does_not_delay_the_response(
    own_sidecar: Callable[..., Sidecar], pipe: CommandPipe
) -> None:
    sidecar = own_sidecar()
    body = _run_alongside(sidecar, pipe, "runaway")
    assert (body["exit_code"], body["stdout"]) == (0, "output\n")
    assert body["stdout_truncated"]
    sidecar.child.stop()
    sidecar.restart()
    assert pipe.wait_closed() == ""


def test_a_disconnect_does_not_stop_a_command_of_exec(
    own_sidecar: Callable[..., Sidecar], pipe: CommandPipe
) -> None:
    sidecar = own_sidecar()
    gate = CommandPipe(sidecar.folder, "gate")
    connection = sidecar.connect()
    body = json.dumps(command("finish", pipe.path, gate.path))
    connection.request("POST", "/exec", body, {"X-Exec-Token": TOKEN})
    pipe.wait_started()
    connection.close()
    assert sidecar.run("say", "gives the sidecar time to notice")["exit_code"] == 0
    Path(gate.path).write_text("go")
    assert pipe.wait_closed() == "finished\n"
    until(lambda: '"arguments": 3' in sidecar.log)


def test_each_command_logs_one_line_without_secrets(
    own_sidecar: Callable[..., Sidecar],
) -> None:
    sidecar = own_sidecar()
    sidecar.run("say", "secret-argument", stdin="secret-input")
    sidecar.request("PUT", "/operations/a-1", command("complain", "secret-output", "3"))
    sidecar.request("GET", "/operations/a-1?wait=20")
    sidecar.request("POST", "/exec", command("say", "secret-argument"), token="secret-token")
    sidecar.request("POST", "/exec", {"argv": ["secret-binary"]})
    with sidecar.raw() as connection:
        connection.sendall(b"POST /exec HTTP/1.1\r\nX-Exec-Token: secret-token\x01\r\n\r\n")
        assert b" 400 " in connection.recv(1000)
    sidecar.child.stop()
    until(lambda: '"ended"' in sidecar.log)
    ended = sidecar.events("command_ended")
    assert all(line.pop("duration_ms") >= 0 for line in ended)
    facts = {"event": "command_ended", "binary": "elastic-blast", "timed_out": False}
    assert ended == [
        {**facts, "arguments": 2, "operation": None, "exit_code": 0},
        {**facts, "arguments": 3, "operation": "a-1", "exit_code": 3},
    ]
    assert "secret" not in sidecar.log and TOKEN not in sidecar.log


def _run_alongside(
    sidecar: Sidecar, pipe: CommandPipe, way: str, **fields: object
) -> dict[str, Any]:
    """Run a command to its end, and wait for its start meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        body = pool.submit(sidecar.run, way, pipe.path, **fields)
        pipe.wait_started()
        return body.result()
