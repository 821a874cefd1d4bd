"""The switchboard, loaded in a process of its own, with an empty environment."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.steps import BATCH_ORCHESTRATOR, ORCHESTRATOR, Verb

LOOK = """
import json, sys
import function_app
triggers = {f.get_function_name(): f.get_trigger() for f in function_app.app.get_functions()}
found = {name: trigger.type for name, trigger in triggers.items()}
timers = {name: t.schedule for name, t in triggers.items() if t.type == "timerTrigger"}
print(json.dumps({"functions": found, "timers": timers, "modules": list(sys.modules)}))
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, Any]:
    argv = [sys.executable, "-c", LOOK]
    root = Path(__file__).parents[1]
    ended = subprocess.run(argv, capture_output=True, text=True, cwd=root, env={}, timeout=60)
    found: dict[str, Any] = json.loads(ended.stdout or f'"{ended.stderr}"')
    return found


def test_every_durable_name_that_is_spoken_is_registered(loaded: dict[str, Any]) -> None:
    kinds = loaded["functions"]
    assert {name for name, kind in kinds.items() if kind == "activityTrigger"} == set(Verb)
    assert [name for name, kind in kinds.items() if kind == "orchestrationTrigger"] == [
        ORCHESTRATOR,
        BATCH_ORCHESTRATOR,
    ]


def test_upkeep_runs_by_schedules_that_need_no_setting(loaded: dict[str, Any]) -> None:
    assert loaded["timers"] == {"reconcile": "0 * * * * *", "purge": "0 30 3 * * *"}


def test_loading_needs_no_setting_and_no_heavy_client(loaded: dict[str, Any]) -> None:
    assert "kubernetes" not in loaded["modules"]
    assert "azure.identity" not in loaded["modules"]
    assert "jwt" not in loaded["modules"]
