import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sidecar.settings import DEFAULTS, SettingsError, read_settings
from tests.sidecar.sidecar_fixture import TOKEN, Sidecar

ROOT = Path(__file__).parent.parent.parent


def test_all_faults_are_reported_together_without_tokens() -> None:
    env = {
        "EXEC_TOKEN": "short-secret",
        "EXEC_TOKEN_NEXT": "also-short",
        "EXEC_PORT": "99999",
        "EXEC_MAX_CONCURRENCY": "0",
        "EXEC_RATE_PER_MINUTE": "many",
        "EXEC_PASS_ENV": "KUBECONFIG, ELB_RESULTS, EXEC_TOKEN, HOME",
        "EXEC_AZ_LOGIN": "identity",
    }
    with pytest.raises(SettingsError) as caught:
        read_settings(env)
    text = str(caught.value)
    assert re.findall(r"^\w+", text, re.MULTILINE) == [
        "EXEC_TOKEN",
        "EXEC_TOKEN_NEXT",
        "EXEC_PORT",
        "EXEC_MAX_CONCURRENCY",
        "EXEC_RATE_PER_MINUTE",
        *["EXEC_PASS_ENV"] * 3,
        "EXEC_AZ_LOGIN",
    ]
    assert "short-secret" not in text


def test_the_defaults_are_those_in_the_readme() -> None:
    text = (ROOT / "sidecar/README.md").read_text()
    rows = dict(re.findall(r"^\| `(EXEC_\w+)` \| (?:`(.*?)`)? ?\|", text, re.MULTILINE))
    tokens = ("EXEC_TOKEN", "EXEC_TOKEN_FILE", "EXEC_TOKEN_NEXT", "EXEC_TOKEN_NEXT_FILE")
    assert rows == {**dict.fromkeys(tokens, ""), **DEFAULTS}


def test_the_repr_of_settings_has_no_token() -> None:
    assert TOKEN not in repr(read_settings({"EXEC_TOKEN": TOKEN, "EXEC_TOKEN_NEXT": TOKEN}))


def test_the_defaults_are_safe() -> None:
    settings = read_settings({"EXEC_TOKEN": TOKEN})
    assert (settings.host, settings.max_concurrency) == ("127.0.0.1", 4)
    assert (settings.kill_seconds, settings.retention_hours) == (5, 24)


@pytest.mark.parametrize("token", ["", "a" * 31, "a" * 32 + "\n", "a" * 32 + "é", "a b" * 16])
def test_the_sidecar_does_not_start_with_an_invalid_token(token: str) -> None:
    env = {"EXEC_TOKEN": token}
    ended = subprocess.run(
        [sys.executable, "-m", "sidecar"], env=env, cwd=ROOT, capture_output=True, text=True
    )
    assert ended.returncode == 1
    assert re.fullmatch(r"EXEC_TOKEN must .*\n", ended.stderr)


def test_a_port_in_use_is_reported_in_one_line(own_sidecar: Callable[..., Sidecar]) -> None:
    first = own_sidecar()
    port = str(first.port)
    ended = subprocess.run(
        [sys.executable, "-m", "sidecar", "--port", port],
        env={**first.env, "EXEC_STATE_DIR": str(first.folder / "other")},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert re.fullmatch(rf"cannot listen at 127.0.0.1 port {port}: .*\n", ended.stderr)
