"""An exec server without operations, and our client's results with it (failure 46).

With `DASHBOARD_EXEC_SERVER=<path>` the same tests run against the dashboard's own program.
"""

import http.client
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from local.processes import Child
from shared.clients.sidecar import SidecarClient
from shared.contracts.exec import (
    Command,
    Finished,
    Health,
    HttpRejection,
    Unreachable,
    Untracked,
)
from tests.exec_server.starting import start_exec_server

TOKEN = "token-" + "a" * 32
NOW, SECOND = timedelta(0), timedelta(seconds=1)
TOOL = """#!/bin/sh
case "$1" in
  say) echo "$2" ;;
  cat) cat; exit 3 ;;
  hold) exec sleep 60 ;;
esac
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    folder = tmp_path_factory.mktemp("exec")
    tool = folder / "elastic-blast"
    tool.write_text(TOOL)
    tool.chmod(0o755)
    child = start_exec_server(folder / "log", TOKEN, {"PATH": f"{folder}:/usr/bin:/bin"})
    yield child
    child.stop()


@pytest.fixture
def client(server: Child) -> SidecarClient:
    return SidecarClient(server.url, lambda: TOKEN)


def command(*argv: str, stdin: str | None = None) -> Command:
    return Command(argv, stdin, SECOND)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_failure_46_unsupported_methods_are_501_with_html(server: Child, method: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)
    connection.request(method, "/operations/a", body=b"{}", headers={"X-Exec-Token": TOKEN})
    answer = connection.getresponse()
    assert (answer.status, answer.version) == (501, 10)
    assert b"<html" in answer.read().lower()
    connection.close()


@pytest.mark.parametrize("token", [TOKEN, "wrong"])
async def test_failure_46_a_404_before_the_token_check_proves_nothing(
    server: Child, token: str
) -> None:
    client = SidecarClient(server.url, lambda: token)
    assert await client.health() == Health(4, operations=False, instance=None)
    assert isinstance(await client.get_operation("a", NOW, "an-instance"), Untracked)
    assert isinstance(await client.stop_operation("a", "an-instance"), Untracked)
    run = await client.run_operation("a", command("elastic-blast", "say", "x"), NOW, "an-instance")
    assert isinstance(run, Untracked)


async def test_failure_48_check_token_distinguishes_valid_and_invalid_tokens(server: Child) -> None:
    assert await SidecarClient(server.url, lambda: TOKEN).check_token() is None
    wrong = await SidecarClient(server.url, lambda: "w" * 40).check_token()
    assert wrong == HttpRejection(401, "missing or invalid X-Exec-Token", None)


async def test_exec_returns_the_commands_result(client: SidecarClient) -> None:
    result = await client.exec(command("elastic-blast", "cat", stdin="größe"))
    assert isinstance(result, Finished)
    assert (result.exit_code, result.stdout, result.timed_out) == (3, "größe", False)


async def test_exec_ends_a_command_at_its_timeout(client: SidecarClient) -> None:
    result = await client.exec(command("elastic-blast", "hold"))
    assert isinstance(result, Finished)
    assert (result.exit_code, result.timed_out) == (124, True)


async def test_exec_refuses_disallowed_and_missing_programs(client: SidecarClient) -> None:
    other = await client.exec(command("bash", "-c", "id"))
    assert isinstance(other, HttpRejection) and not other.foreign
    assert other.status == 403 and "not in allowlist" in other.message
    missing = await client.exec(command("azcopy"))
    assert isinstance(missing, HttpRejection) and (missing.status, missing.foreign) == (500, False)


async def test_exec_refuses_a_too_large_body(client: SidecarClient) -> None:
    result = await client.exec(command("elastic-blast", "cat", stdin="x" * (9 * 1024 * 1024)))
    if isinstance(result, Unreachable):  # the server closed the connection before it was read
        assert result.request_sent
    else:
        assert isinstance(result, HttpRejection)
        assert (result.status, result.foreign) == (413, False)
