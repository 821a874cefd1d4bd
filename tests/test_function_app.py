"""The switchboard, loaded in a process of its own, with an empty environment."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.steps import BATCH_ORCHESTRATOR, ORCHESTRATOR, Verb

ROOT = Path(__file__).parents[1]
LOOK = """
import json, logging, sys
logging.getLogger().setLevel(logging.INFO)  # as the worker does
import function_app
triggers = {f.get_function_name(): f.get_trigger() for f in function_app.app.get_functions()}
found = {name: trigger.type for name, trigger in triggers.items()}
timers = {name: t.schedule for name, t in triggers.items() if t.type == "timerTrigger"}
threads = function_app.STEP_THREADS._max_workers
quiet = logging.getLogger("azure.core.pipeline").getEffectiveLevel()
found = {"functions": found, "timers": timers, "threads": threads, "modules": list(sys.modules)}
found["quiet"] = quiet
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, Any]:
    argv = [sys.executable, "-c", LOOK]
    ended = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, env={}, timeout=60)
    found: dict[str, Any] = json.loads(ended.stdout or f'"{ended.stderr}"')
    return found


def test_every_durable_name_that_is_spoken_is_registered(loaded: dict[str, Any]) -> None:
    kinds = loaded["functions"]
    assert {name for name, kind in kinds.items() if kind == "activityTrigger"} == set(Verb)
    assert [name for name, kind in kinds.items() if kind == "orchestrationTrigger"] == [
        ORCHESTRATOR,
        BATCH_ORCHESTRATOR,
    ]


def test_each_activity_that_may_run_at_once_has_a_thread(loaded: dict[str, Any]) -> None:
    durable = json.loads((ROOT / "host.json").read_text())["extensions"]["durableTask"]
    assert loaded["threads"] == durable["maxConcurrentActivityFunctions"]


def test_upkeep_runs_by_schedules_that_need_no_setting(loaded: dict[str, Any]) -> None:
    assert loaded["timers"] == {"reconcile": "0 * * * * *", "purge": "0 30 3 * * *"}


def test_loading_needs_no_setting_and_no_heavy_client(loaded: dict[str, Any]) -> None:
    assert "kubernetes" not in loaded["modules"]
    assert "azure.identity" not in loaded["modules"]
    assert "jwt" not in loaded["modules"]


def test_failure_45_no_operator_event_is_sampled_away() -> None:
    logging = json.loads((ROOT / "host.json").read_text())["logging"]
    kept = logging["applicationInsights"]["samplingSettings"]["excludedTypes"].split(";")
    assert {"Trace", "Exception", "Request"} <= {*kept}


def test_failure_45_loading_quiets_the_libraries(loaded: dict[str, Any]) -> None:
    assert loaded["quiet"] == 30  # logging.WARNING
