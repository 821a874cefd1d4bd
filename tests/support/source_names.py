"""The error codes and the log events in the app's source, read with `ast`."""

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from shared import errors

ROOT = Path(__file__).parents[2]
APP = ("blast_orchestrator", "activities", "triggers", "shared")
CLASSIFIER = "shared/elastic_blast/submit_outcome.py"
MESSAGE_RULES = "shared/elastic_blast/message_rules.py"
NO_FAILURES = {"accepted", "resumed", "already_done", "untracked"}
"""Codes of the classifier for a submission that has not failed."""
NO_CODES = {"invalid"}
"""Words of elastic-blast that the classifier reads and does not use as a code."""

_WORD = re.compile(r"[a-z]+(_[a-z]+)*_?")
_ENDINGS = {"fail": 1, "end": 1, "PendingFailure": 1, "_fail": 2}
"""By function of `activities`: the position of the argument that is a job's error code."""
_ERRORS = {
    name: 0
    for name, value in inspect.getmembers(errors, inspect.isclass)
    if issubclass(value, errors.ControlPlaneError)
}
_LEVELS = {"debug": 0, "info": 0, "warning": 0, "error": 0, "exception": 0, "critical": 0, "log": 1}
"""By method of a logger: the position of its message."""


def raised_codes() -> set[str]:
    """The codes of all errors that the app creates."""
    return {code for tree in _trees(*APP) for code in _arguments(tree, _ERRORS)}


def job_codes() -> set[str]:
    """The codes that a job can have. One that ends with `_` is followed by a number or a word."""
    ends = {code for tree in _trees("activities") for code in _arguments(tree, _ENDINGS)}
    written = {
        code for tree in _trees("activities", "triggers") for code in _keywords(tree, "error_code")
    }
    ruled = {code for tree in _trees(MESSAGE_RULES) for code in _keywords(tree, "code")}
    # A look that fails makes a job wait, with the code of the store or cluster.
    looks = _trees("shared/clients/kubernetes", "shared/clients/azure_errors.py")
    unavailable = {code for tree in looks for code in _arguments(tree, _ERRORS)}
    return ends | written | ruled | unavailable | (_classifier_words() - NO_FAILURES - NO_CODES)


def log_events() -> set[str]:
    """The names of all events that the app logs. Raises ValueError for a message without one."""
    return {event for tree in _trees(*APP, "function_app.py") for event in _events(tree)}


def _trees(*places: str) -> Iterator[ast.Module]:
    for place in places:
        path = ROOT / place
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            yield ast.parse(file.read_text(), str(file))


def _arguments(tree: ast.Module, positions: Mapping[str, int]) -> Iterator[str]:
    """The texts that are passed to these functions at their position."""
    assigned = dict(_assigned(tree))
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        position = positions.get(_name(call.func), len(call.args))
        if position < len(call.args):
            yield from _texts(call.args[position], assigned)


def _keywords(tree: ast.Module, keyword: str) -> Iterator[str]:
    """The texts that are passed as this keyword argument."""
    assigned = dict(_assigned(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == keyword:
            yield from _texts(node.value, assigned)


def _assigned(tree: ast.Module) -> Iterator[tuple[str, set[str]]]:
    """By name, the texts that the module assigns to it anywhere, also in a tuple."""
    texts: dict[str, set[str]] = {}
    for node in (node for node in ast.walk(tree) if isinstance(node, ast.Assign)):
        pairs = [(node.targets[0], node.value)]
        if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = list(zip(node.targets[0].elts, node.value.elts, strict=True))
        for target, value in pairs:
            texts.setdefault(_name(target), set()).update(_texts(value, {}))
    return iter(texts.items())


def _texts(node: ast.expr, assigned: Mapping[str, set[str]]) -> set[str]:
    match node:
        case ast.Constant(value=str(text)) if text:
            return {text}
        case ast.IfExp():
            return _texts(node.body, assigned) | _texts(node.orelse, assigned)
        case ast.Name():
            return assigned.get(node.id, set())
    return set()


def _classifier_words() -> set[str]:
    """The texts of the classifier that have the form of a code, without those of its classes."""
    [tree] = _trees(CLASSIFIER)
    tree.body = [node for node in tree.body if not isinstance(node, ast.ClassDef)]
    constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {text for text in constants if isinstance(text, str) and _WORD.fullmatch(text)}


def _events(tree: ast.Module) -> Iterator[str]:
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in _LEVELS:
            continue
        logger = call.func.value
        if _name(logger) != "log" and _name(getattr(logger, "func", logger)) != "getLogger":
            continue
        message = call.args[_LEVELS[call.func.attr]]
        text = message.value if isinstance(message, ast.Constant) else None
        event = re.match(r"[a-z]+(_[a-z]+)*(?=[ :]|$)", text) if isinstance(text, str) else None
        if event is None:
            raise ValueError(f"a log line without an event's name: {ast.unparse(call)}")
        yield event[0]


def _name(node: ast.AST) -> str:
    """The last name of `a`, `a.b` or `a.b.c`, or an empty text."""
    return str(getattr(node, "attr", getattr(node, "id", "")))
