"""Failure 43: the host refuses at load time what the Python worker refuses.

The expectations are those of `azure-functions-runtime` 1.3.0 for the same apps.
"""

import typing
from collections.abc import Callable
from typing import Any, Literal

import azure.durable_functions as df
import azure.functions as func
import pytest

from local.functions_host.functions import functions_of, load
from local.functions_host.settings import CannotStart
from tests.local.functions_host.test_loading import imports  # noqa: F401  fixture

T = typing.TypeVar("T")
Number = typing.NewType("Number", int)
QUEUE: dict[str, Any] = {"queue_name": "q", "connection": "C"}


def annotated(function: Any, **annotations: Any) -> Any:
    """Return the function with these annotations."""
    function.__annotations__ = annotations
    return function


def activity(**annotations: Any) -> Any:
    def run(order): ...  # type: ignore[no-untyped-def]

    app = df.DFApp()
    app.activity_trigger(input_name="order")(annotated(run, **annotations))
    return app


def http(**annotations: Any) -> Any:
    def run(req): ...  # type: ignore[no-untyped-def]

    app = func.FunctionApp()
    app.route(route="x")(annotated(run, **annotations))
    return app


def queue(**annotations: Any) -> Any:
    def run(msg, out): ...  # type: ignore[no-untyped-def]

    app = func.FunctionApp()
    decorated = app.queue_output(arg_name="out", **QUEUE)(annotated(run, **annotations))
    app.queue_trigger(arg_name="msg", **QUEUE)(decorated)
    return app


def timer(**annotations: Any) -> Any:
    def run(timer): ...  # type: ignore[no-untyped-def]

    app = func.FunctionApp()
    app.timer_trigger(arg_name="timer", schedule="0 * * * * *")(annotated(run, **annotations))
    return app


@pytest.mark.parametrize(
    "app",
    [
        *(activity(order=kind) for kind in (dict, str, Any, None, "dict", typing.Dict[str, int])),  # noqa: UP006
        activity(**{"return": dict[str, int]}),
        http(req=func.HttpRequest, **{"return": func.HttpResponse}),
        *(http(req=kind) for kind in (str, bytes)),
        http(**{"return": str}),
        queue(msg=func.QueueMessage, out=func.Out[str]),
        queue(msg=str, out=func.Out[typing.List[str]]),  # noqa: UP006
        timer(timer=func.TimerRequest, **{"return": None}),
        timer(timer=str),
    ],
)
def test_functions_that_the_worker_loads_are_loaded(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("C", "UseDevelopmentStorage=true")
    assert len(functions_of(app)) == 1


NON_TYPES = [
    dict[str, Any],
    list[int],
    int | None,
    typing.Optional[int],  # noqa: UP045
    typing.Tuple[int, int],  # noqa: UP006
    Callable[[int], int],
    T,
    Number,
    "dict[str, int]",
]


@pytest.mark.parametrize("annotation", NON_TYPES, ids=str)
def test_failure_43_a_non_type_annotation_is_refused(annotation: Any) -> None:
    text = "cannot load the run function: binding order has invalid non-type annotation"
    with pytest.raises(CannotStart, match=text):
        functions_of(activity(order=annotation))


@pytest.mark.parametrize(
    ("app", "message"),
    [
        (activity(order="NoSuchName"), "name 'NoSuchName' is not defined"),
        (http(req=Any), 'type of req binding .* "httpTrigger" does not match .* "Any"'),
        (http(req=dict), 'does not match its Python annotation "dict"'),
        (http(req=Literal["a"]), "issubclass"),
        (http(**{"return": Any}), 'return annotation "Any" does not match binding type "http"'),
        (http(**{"return": None}), 'return annotation "NoneType" does not match'),
        (http(**{"return": bytes}), 'return annotation "bytes" does not match'),
        (http(**{"return": str | None}), "has invalid non-type return annotation"),
        (queue(msg=dict), 'type of msg binding .* "queueTrigger" does not match'),
        (queue(msg=func.Out[str]), 'declared to have the "in" direction'),
        (queue(out=str), "is not a subclass of azure.functions.Out"),
        (queue(out=func.Out), "binding out has invalid Out annotation"),
        (queue(out=func.Out[list[str]]), "binding out has invalid non-type annotation"),
        (queue(out=func.Out[int]), 'type of out binding .* "queue" does not match'),
        (timer(timer=dict), 'type of timer binding .* "timerTrigger" does not match'),
    ],
)
def test_failure_43_an_annotation_incompatible_with_its_binding_is_refused(
    app: Any, message: str
) -> None:
    with pytest.raises(CannotStart, match=f"cannot load the run function: .*{message}"):
        functions_of(app)


def test_failure_43_parameters_and_bindings_must_match() -> None:
    def more(req: func.HttpRequest, other: int = 1) -> str:
        return ""

    def fewer() -> str:
        return ""

    for function, text in ((more, "declared in Python but not in"), (fewer, "not present in Pyth")):
        app = func.FunctionApp()
        app.route(route="x", trigger_arg_name="req")(function)
        with pytest.raises(CannotStart, match=f"cannot load the {function.__name__} .*{text}"):
            functions_of(app)


def test_failure_43_an_orchestrator_parameter_must_be_named_context() -> None:
    def orchestrator(ctx: Any) -> Any:
        yield ctx

    app = df.DFApp()
    app.orchestration_trigger(context_name="ctx")(orchestrator)
    with pytest.raises(CannotStart, match=r"cannot load the orchestrator function: .*context"):
        functions_of(app)


def test_failure_43_a_context_annotation_must_be_context() -> None:
    def run(req: func.HttpRequest, context: dict) -> str:  # type: ignore[type-arg]
        return ""

    app = func.FunctionApp()
    app.route(route="x")(run)
    with pytest.raises(CannotStart, match='"context" parameter is expected to be of type azure'):
        functions_of(app)


@pytest.mark.parametrize("name", ["snake_case", "_x", "1a", "a" * 129])
def test_failure_43_an_invalid_binding_name_is_refused(name: str) -> None:
    """Source: Utility.cs of the Functions host."""
    app = df.DFApp()
    namespace: dict[str, Any] = {}
    exec(f"def run({name if name.isidentifier() else 'x'}): ...", namespace)
    app.activity_trigger(input_name=name)(namespace["run"])
    with pytest.raises(CannotStart, match=f"The binding name {name} is invalid"):
        functions_of(app)


@pytest.mark.parametrize("name", ["host", "1st", "a b", "a" * 129])
def test_failure_43_an_invalid_function_name_is_refused(name: str) -> None:
    app = df.DFApp()
    app.function_name(name)(app.activity_trigger(input_name="x")(lambda x: x))
    with pytest.raises(CannotStart, match="is not a valid function name"):
        functions_of(app)


def test_failure_43_duplicate_function_names_are_refused() -> None:
    app = df.DFApp()
    for _ in range(2):
        app.function_name("run")(app.activity_trigger(input_name="x")(lambda x: x))
    with pytest.raises(CannotStart, match="Function run does not have a unique function name"):
        functions_of(app)


def test_failure_43_a_function_without_a_trigger_is_refused() -> None:
    app = func.FunctionApp()
    app.queue_output(arg_name="out", **QUEUE)(lambda out: None)
    with pytest.raises(CannotStart, match="does not have a trigger"):
        functions_of(app)


MODULE = """
import azure.functions as func
{app} = func.FunctionApp()

@{app}.route(route="word")
def word(req: func.HttpRequest) -> str:
    return "hello"
"""


@pytest.mark.usefixtures("imports")
def test_the_app_object_may_have_any_name(tmp_path: Any) -> None:
    (tmp_path / "function_app.py").write_text(MODULE.format(app="blast"))
    assert [instance.name for instance in load(tmp_path)] == ["word"]


@pytest.mark.parametrize("more", ["other = func.FunctionApp()", "other = app"])
@pytest.mark.usefixtures("imports")
def test_failure_43_a_second_app_object_or_name_is_refused(tmp_path: Any, more: str) -> None:
    (tmp_path / "function_app.py").write_text(MODULE.format(app="app") + more + "\n")
    text = "More than one FunctionApp or other top level function app instances are defined"
    with pytest.raises(CannotStart, match=text):
        load(tmp_path)


@pytest.mark.usefixtures("imports")
def test_failure_43_a_second_trigger_is_refused(tmp_path: Any) -> None:
    two = '@app.route(route="x")\n@app.queue_trigger("msg", "q", connection="C")\n'
    text = MODULE.format(app="app") + two + "def run(req, msg): ...\n"
    (tmp_path / "function_app.py").write_text(text)
    with pytest.raises(ValueError, match="A trigger was already registered to this function"):
        load(tmp_path)
