"""function_app.py, loaded in a separate process with an empty environment."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.activities import BATCH_ORCHESTRATOR, ORCHESTRATOR, ActivityName
from triggers.http.routes import UNKNOWN_ROUTE_NAME

ROOT = Path(__file__).parents[1]
PROGRAM = """
import json, logging, sys
logging.getLogger().setLevel(logging.INFO)  # as the worker does
import function_app
triggers = {f.get_function_name(): f.get_trigger() for f in function_app.app.get_functions()}
found = {name: trigger.type for name, trigger in triggers.items()}
timers = {name: t.schedule for name, t in triggers.items() if t.type == "timerTrigger"}
quiet = logging.getLogger("azure.core.pipeline").getEffectiveLevel()
http = {name: t for name, t in triggers.items() if t.type == "httpTrigger"}
routes = {name: [t.route, [m.value for m in t.methods]] for name, t in http.items()}
found = {"functions": found, "timers": timers, "modules": list(sys.modules)}
found["quiet"] = quiet
found["routes"] = routes
print(json.dumps(found))
"""
READY = """
import asyncio, json, logging
import azure.functions as func

lines = []
handler = logging.Handler()
handler.emit = lambda record: lines.append(record.getMessage())
logging.getLogger("blast").addHandler(handler)
import function_app
from triggers.http.handlers import handler_of

request = func.HttpRequest("GET", "/api/health/ready", body=b"")
ready = handler_of("ready", function_app.services)
answers = [asyncio.run(ready(req=request)) for _ in range(2)]
print(json.dumps({
    "statuses": [answer.status_code for answer in answers],
    "codes": [answer.headers["x-ms-error-code"] for answer in answers],
    "text": answers[0].get_body().decode(),
    "lines": lines,
    "functions": len(function_app.app.get_functions()),
}))
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, Any]:
    argv = [sys.executable, "-c", PROGRAM]
    completed = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, env={}, timeout=60)
    report: dict[str, Any] = json.loads(completed.stdout or f'"{completed.stderr}"')
    return report


def test_every_durable_name_is_registered(loaded: dict[str, Any]) -> None:
    kinds = loaded["functions"]
    assert {name for name, kind in kinds.items() if kind == "activityTrigger"} == set(ActivityName)
    assert [name for name, kind in kinds.items() if kind == "orchestrationTrigger"] == [
        ORCHESTRATOR,
        BATCH_ORCHESTRATOR,
    ]


def test_no_route_shadows_another_in_the_hosts_order(
    loaded: dict[str, Any],
) -> None:
    """Azure's host takes the first function by name (ordinal, ignoring case) whose route fits."""
    routes: dict[str, tuple[str, list[str]]] = loaded["routes"]
    in_order = sorted(routes, key=str.upper)
    assert in_order[-1] == UNKNOWN_ROUTE_NAME
    for name, (template, methods) in routes.items():
        path = re.sub(r"\{\*?(\w+)\}", r"some-\1", template)
        for method in methods:
            fitting = (n for n in in_order if method in routes[n][1] and _fits(path, routes[n][0]))
            assert next(fitting) == name


def _fits(path: str, template: str) -> bool:
    pattern = re.sub(r"\{\w+\}", "[^/]+", re.sub(r"\{\*\w+\}", ".*", template))
    return bool(re.fullmatch(pattern, path, re.IGNORECASE))


def test_timer_schedules_need_no_setting(loaded: dict[str, Any]) -> None:
    assert loaded["timers"] == {"reconcile": "0 * * * * *", "purge": "0 30 3 * * *"}


def test_loading_needs_no_setting_and_no_heavy_client(loaded: dict[str, Any]) -> None:
    assert "kubernetes" not in loaded["modules"]
    assert "azure.identity" not in loaded["modules"]
    assert "jwt" not in loaded["modules"]


def test_with_wrong_settings_all_functions_load_and_readiness_names_the_settings(
    loaded: dict[str, Any],
) -> None:
    environment = {"BLAST_REGION": "Not A Region", "BLAST_RETRY_CRASH_TRIES": "0"}
    argv = [sys.executable, "-c", READY]
    ended = subprocess.run(
        argv, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=60
    )
    seen: dict[str, Any] = json.loads(ended.stdout or f'"{ended.stderr}"')
    assert seen["functions"] == len(loaded["functions"])
    assert seen["statuses"] == [503, 503]
    assert seen["codes"] == ["settings_invalid"] * 2
    for name in ("BLAST_REGION", "BLAST_RETRY_CRASH_TRIES", "BLAST_STORAGE_ACCOUNT"):
        assert name in seen["text"]
    assert [line.split()[0] for line in seen["lines"]] == ["settings_invalid"]


def test_failure_45_operator_events_are_excluded_from_sampling() -> None:
    logging = json.loads((ROOT / "host.json").read_text())["logging"]
    kept = logging["applicationInsights"]["samplingSettings"]["excludedTypes"].split(";")
    assert {"Trace", "Exception", "Request"} <= {*kept}


def test_failure_45_loading_limits_library_logs_to_warnings(loaded: dict[str, Any]) -> None:
    assert loaded["quiet"] == 30  # logging.WARNING
