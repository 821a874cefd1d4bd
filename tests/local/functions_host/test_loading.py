import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import azure.functions as func
import pytest

from local.functions_host.functions import functions_of, load
from local.functions_host.settings import (
    CannotStart,
    apply_local_settings,
    host_options,
    read_host_options,
    resolve_settings,
    setting,
    span,
)

APP = """
import azure.functions as func
from neighbour import WORD
app = func.FunctionApp()

@app.route(route="word", methods=["GET"])
def word(req: func.HttpRequest) -> str:
    return WORD
"""


@pytest.fixture(autouse=True)
def imports() -> Iterator[None]:
    """Unload the modules that a test imports."""
    path, module_names = sys.path[:], ("function_app", "neighbour")
    before = {name: sys.modules.pop(name) for name in module_names if name in sys.modules}
    yield
    sys.path[:] = path
    for name in module_names:
        sys.modules.pop(name, None)
    sys.modules.update(before)


def test_an_app_can_import_modules_beside_it(tmp_path: Path) -> None:
    (tmp_path / "function_app.py").write_text(APP)
    (tmp_path / "neighbour.py").write_text("WORD = 'hello'\n")
    (word,) = load(tmp_path)
    assert (word.name, word.kind, word.argument) == ("word", "httpTrigger", "req")
    assert word.trigger["methods"] == ["GET"]
    assert word.call(None) == "hello"


def test_a_folder_without_an_app_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"function_app\.py"):
        load(tmp_path)


def test_a_module_without_an_app_is_refused(tmp_path: Path) -> None:
    (tmp_path / "function_app.py").write_text("appl = 1\n")
    with pytest.raises(CannotStart, match="Could not find top level function app instances"):
        load(tmp_path)


def test_an_unsupported_binding_is_refused_by_name() -> None:
    def take(blob: func.InputStream) -> None: ...

    app = df.DFApp()
    app.blob_trigger(arg_name="blob", path="a/b", connection="STORE")(take)
    with pytest.raises(CannotStart, match="the function take has a binding of the type blob"):
        functions_of(app)


def test_setting_placeholders_are_replaced_anywhere_in_a_binding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("A", "one")
    monkeypatch.setenv("B", "two")
    assert resolve_settings({"x": ["%A%-%B%", 3], "y": "100%"}, "x") == {
        "x": ["one-two", 3],
        "y": "100%",
    }
    with pytest.raises(CannotStart, match="the function f needs the setting NOT_SET"):
        resolve_settings("%NOT_SET%", "the function f")


def test_local_settings_do_not_override_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST_TEST_SET", "outside")
    monkeypatch.setenv("HOST_TEST_UNSET", "removed at the end of the test")
    monkeypatch.delenv("HOST_TEST_UNSET")
    values = {"HOST_TEST_SET": "inside", "HOST_TEST_UNSET": "inside"}
    (tmp_path / "local.settings.json").write_text(json.dumps({"Values": values}))
    apply_local_settings(tmp_path)
    assert setting("HOST_TEST_SET", "a test") == "outside"
    assert setting("HOST_TEST_UNSET", "a test") == "inside"


def test_failure_60_container_name_is_not_a_sign_of_azure_on_the_local_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTAINER_NAME", "a-container-of-a-developer")
    apply_local_settings(tmp_path)
    with pytest.raises(CannotStart, match="CONTAINER_NAME, which is not set"):
        setting("CONTAINER_NAME", "a test")


def test_host_json_is_read(tmp_path: Path) -> None:
    host_json: dict[str, Any] = {
        "functionTimeout": "00:05:00",
        "extensions": {
            "http": {"routePrefix": "v1"},
            "queues": {
                "batchSize": 3,
                "newBatchThreshold": 2,
                "maxDequeueCount": 7,
                "visibilityTimeout": "00:00:30",
                "maxPollingInterval": "00:00:05",
                "messageEncoding": "none",
            },
            "durableTask": {
                "hubName": "Hub",
                "maxConcurrentActivityFunctions": 4,
                "maxConcurrentOrchestratorFunctions": 5,
                "unknown": True,
            },
        },
    }
    (tmp_path / "host.json").write_text(json.dumps(host_json))
    options = read_host_options(tmp_path)
    assert (options.route_prefix, options.hub) == ("v1", "Hub")
    assert options.function_timeout == timedelta(minutes=5)
    assert (options.activities, options.orchestrators) == (4, 5)
    queues = options.queues
    assert (queues.batch_size, queues.new_batch_threshold, queues.max_dequeue_count) == (3, 2, 7)
    assert queues.visibility_timeout == timedelta(seconds=30)
    assert queues.max_polling_interval == timedelta(seconds=5)
    assert not queues.base64


def test_an_empty_host_json_gives_defaults() -> None:
    options = host_options({})
    assert options.route_prefix == "api"
    assert (options.queues.batch_size, options.queues.new_batch_threshold) == (16, 8)
    assert options.queues.max_dequeue_count == 5
    assert options.queues.base64


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_an_invalid_host_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "host.json").write_text(text)
    with pytest.raises(CannotStart, match=r"host\.json"):
        read_host_options(tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00:00:05", timedelta(seconds=5)),
        ("1.02:03:04", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("00:00:00.500", timedelta(milliseconds=500)),
    ],
)
def test_durations_are_parsed_in_dotnet_form(text: str, expected: timedelta) -> None:
    assert span(text) == expected


@pytest.mark.parametrize("text", ["5", "5 minutes", "", "-00:00:01"])
def test_an_invalid_duration_is_refused(text: str) -> None:
    with pytest.raises(CannotStart, match="is not a duration"):
        span(text)
