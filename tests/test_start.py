"""The app's start with right and wrong settings, with the signs of each of Azure's plans."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.settings import AuthMode, Settings
from tests.support.platforms import PLATFORMS
from tests.support.samples import ENVIRONMENT

ROOT = Path(__file__).parents[1]
GUID = "00000000-0000-4000-8000-000000000001"
ENTRA = {
    "BLAST_AUTH_MODE": "entra",
    "BLAST_TENANT_ID": GUID,
    "BLAST_CLIENT_ID": GUID,
    "BLAST_QUEUE_OWNER_OID": GUID,
}
WRONG = {
    "BLAST_REGION": "Not A Region",
    "BLAST_RETRY_CRASH_TRIES": "0",
    "BLAST_NO_SUCH_THING": "1",
}
PROGRAM = """
import asyncio, gc, json, logging
import azure.functions as func

lines = []
handler = logging.Handler()
handler.emit = lambda record: lines.append([record.levelname, record.getMessage()])
logging.getLogger("blast").addHandler(handler)
import function_app
from triggers.http.handlers import handler_of

at_start = len(lines)
def ask(name):
    request = func.HttpRequest("GET", "/api/health", body=b"")
    return asyncio.run(handler_of(name, function_app.services)(req=request)).status_code
statuses = [ask(name) for name in ("health", "ready", "ready")]
functions = len(function_app.app.get_functions())
frozen, tracked = gc.get_freeze_count(), len(gc.get_objects())
print(json.dumps({
    "statuses": statuses, "lines": lines, "start": at_start, "all": functions,
    "frozen": frozen, "tracked": tracked,
}))
"""


def start(environment: dict[str, str]) -> dict[str, Any]:
    """What a process does that loads the app with these variables."""
    argv = [sys.executable, "-c", PROGRAM]
    ended = subprocess.run(
        argv, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    report: dict[str, Any] = json.loads(ended.stdout)
    return report


@pytest.mark.parametrize("platform", PLATFORMS)
def test_each_plan_accepts_the_settings_of_a_deployment(platform: str) -> None:
    settings = Settings.read({**ENVIRONMENT, **ENTRA, **PLATFORMS[platform]})
    assert settings.auth_mode is AuthMode.ENTRA


@pytest.mark.parametrize("platform", PLATFORMS)
def test_failure_60_wrong_settings_are_one_line_at_the_start_and_all_functions_load(
    platform: str,
) -> None:
    seen = start({**ENVIRONMENT, **WRONG, **PLATFORMS[platform]})
    [[level, line]] = seen["lines"]
    assert seen["start"] == 1 and level == "ERROR" and line.startswith("settings_invalid ")
    named = {"BLAST_AUTH_MODE", "BLAST_QUEUE_OWNER_OID", *WRONG}
    assert {name for name in named if name not in line} == set()
    assert "\n" not in line
    assert seen["statuses"] == [200, 503, 503]
    assert seen["all"] > 40


def test_right_settings_leave_no_line() -> None:
    assert Settings.read(ENVIRONMENT)
    seen = start({**ENVIRONMENT, "BLAST_STORAGE_CONNECTION_STRING": "UseDevelopmentStorage=true"})
    assert seen["start"] == 0


def test_full_collections_of_garbage_skip_the_objects_of_modules() -> None:
    seen = start(ENVIRONMENT)
    assert seen["frozen"] > 5 * seen["tracked"]
