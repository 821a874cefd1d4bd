"""`python -m tests.support.traceability [--check]`: write, or check, docs/traceability.md.

A test names a requirement or an invariant in its name (`test_r6_...`) or its docstring (`R6`), and
a failure in its name (`failure_33`) or its docstring (`Failure 33`, `Failures 33 and 34`,
`Failures 33 to 35`). A number in the docstring of a test module counts for all of its tests.
Modules of the app name numbers in their docstrings, or are in KEEPS.
"""

import argparse
import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/traceability.md"
DEFINITIONS = ("requirements.md", "invariants.md", "failures.md")
APP = ("blast_orchestrator", "activities", "triggers", "shared", "sidecar")

NOT_YET = {
    "57": "undeclared encodings are not handled",
}
"""Numbers that no test shows yet, with the reason."""

BY_OTHERS = {"R13": "the whole test suite"}
"""Numbers that no single test can show."""

KEY_TESTS = {
    "R6": "test_r6_a_cancelled_job_leaves_no_job_no_pod_and_no_process",
    "R14": "test_r14_the_hits_equal_those_of_plain_blastn",
    "1": "test_failure_1_a_repeated_request_returns_the_same_job",
    "2": "test_failure_2_the_same_key_with_another_request_is_a_conflict",
    "9": "test_failure_9_concurrent_acquirers_get_one_holder",
    "12": "test_failure_12_values_of_other_deployments_are_refused",
    "14": "test_failure_14_a_missing_database_fails_one_search_of_three",
    "16": "test_failure_16_a_late_event_changes_no_terminal_phase",
    "33": "test_failure_33_a_cancel_works_wherever_the_job_is",
}
"""Tests to read first, where the choice by name would be another one."""

KEEPS = {
    "R4": ("shared/jobs/transitions.py",),
    "R6": ("activities/cleanup.py",),
    "R12": ("shared/jobs/repository.py",),
    "R14": ("function_app.py", "blast_orchestrator/job.py"),
    "I1": ("blast_orchestrator/job.py", "triggers/timers/reconcile.py"),
    "I2": ("shared/contracts/states.py", "shared/jobs/repository.py"),
    "I3": ("activities/launcher.py",),
    "I4": ("triggers/submission/accept.py",),
    "I5": ("activities/cleanup.py",),
    "I6": ("activities/results.py", "activities/assess.py"),
    "I7": ("shared/contracts/states.py", "shared/jobs/transitions.py"),
    "I8": ("shared/clients/http_client.py", "shared/clients/azure_errors.py"),
    "I10": ("shared/clients/kubernetes/lists.py", "shared/jobs/index.py"),
}
"""Modules that keep a requirement or an invariant and do not name its number."""

_FAILURES_IN_NAME = re.compile(r"failures?_(\d+(?:_and_\d+)*)")
_CODES_IN_NAME = re.compile(r"(?<=_)([ri]\d{1,2})(?=_|$)")
_CODE_IN_TEXT = re.compile(r"\b([RI]\d{1,2})\b")
_FAILURES_IN_TEXT = re.compile(r"\b[Ff]ailures? (\d+(?:(?:, and |, | and | to )\d+)*)")
_RANGE = re.compile(r"(\d+)(?: to (\d+))?")

Places = dict[str, dict[str, int]]
"""For each number, how many tests (or docstrings) of each file name it."""


@dataclass(frozen=True)
class NamedTest:
    """A test with the numbers that it shows, by where they stand."""

    file: str
    name: str
    in_name: frozenset[str]
    in_docstring: frozenset[str]
    in_module: frozenset[str]

    @property
    def numbers(self) -> frozenset[str]:
        return self.in_name | self.in_docstring | self.in_module


def definitions() -> dict[str, str]:
    """Every number that the documents define, with the page that defines it, in their order."""
    row = re.compile(r"^\| ([RI]?\d+) \|", re.M)
    pages = {name: (ROOT / "docs" / name).read_text() for name in DEFINITIONS}
    return {number: name for name, text in pages.items() for number in row.findall(text)}


def numbers_in_text(text: str) -> set[str]:
    """The numbers that a docstring names."""
    failures = {
        str(number)
        for group in _FAILURES_IN_TEXT.findall(text)
        for first, last in _RANGE.findall(group)
        for number in range(int(first), int(last or first) + 1)
    }
    return {*_CODE_IN_TEXT.findall(text), *failures}


def numbers_in_name(name: str) -> set[str]:
    """The numbers that a test's name names."""
    failures = {n for group in _FAILURES_IN_NAME.findall(name) for n in group.split("_and_")}
    return {code.upper() for code in _CODES_IN_NAME.findall(name)} | failures


def named_tests() -> list[NamedTest]:
    """Every test, ordered by file and line."""
    tests = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text())
        of_module = frozenset(numbers_in_text(ast.get_docstring(tree) or ""))
        for test in _tests(tree):
            in_name = frozenset(numbers_in_name(test.name))
            in_docstring = frozenset(numbers_in_text(ast.get_docstring(test) or ""))
            file = str(path.relative_to(ROOT))
            tests.append(NamedTest(file, test.name, in_name, in_docstring, of_module))
    return tests


def in_tests(tests: Iterable[NamedTest]) -> Places:
    """For each number, the test files that show it, and by how many tests."""
    places: Places = defaultdict(lambda: defaultdict(int))
    for test in tests:
        for number in test.numbers:
            places[number][test.file] += 1
    return places


def key_test(number: str, tests: Iterable[NamedTest]) -> NamedTest | None:
    """The test to read first: one that KEY_TESTS names, or that names the number most closely."""
    showing = [test for test in tests if number in test.numbers]
    chosen = KEY_TESTS.get(number)
    return min(
        showing,
        key=lambda test: (
            test.name != chosen,
            number not in test.in_name,
            number in test.in_module,
        ),
        default=None,
    )


def in_modules() -> Places:
    """For each requirement and invariant, the app's modules whose docstrings name it."""
    places: Places = defaultdict(lambda: defaultdict(int))
    for path in sorted(module for package in APP for module in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                for number in _CODE_IN_TEXT.findall(ast.get_docstring(node) or ""):
                    places[number][str(path.relative_to(ROOT))] += 1
    for number, files in KEEPS.items():
        for file in files:
            places[number][file] += 1
    return places


def page() -> str:
    """The page as it should be."""
    tests, modules, numbers = named_tests(), in_modules(), definitions()
    places = in_tests(tests)
    lines = [
        "# Traceability",
        "",
        "Made by `make docs`; `make check` compares it with the code. For each id: the test to",
        "read first, the test modules that show it, with the number of tests, and the modules of",
        "the app that keep it.",
    ]
    for name in DEFINITIONS:
        lines += ["", f"## [{name.removesuffix('.md').capitalize()}]({name})", ""]
        lines += ["| id | key test | tests | modules |", "|---|---|---|---|"]
        for number in (n for n, where in numbers.items() if where == name):
            links = _links(places[number], counted=True) or BY_OTHERS.get(number)
            links = links or f"none yet: {NOT_YET[number]}"
            test = key_test(number, tests)
            key = f"[{test.name}](../{test.file})" if test else ""
            lines.append(f"| {number} | {key} | {links} | {_links(modules[number])} |")
    return "\n".join(lines) + "\n"


def faults() -> Iterator[str]:
    """A sentence for each number that is undefined, shown by no test, or wrongly in a table."""
    numbers, all_tests = definitions(), named_tests()
    tests = in_tests(all_tests)
    for unknown in sorted({*tests, *in_modules()} - {*numbers}):
        where = ", ".join({**tests[unknown], **in_modules()[unknown]})
        yield f"{unknown} is named in {where} and defined in no document"
    for number in numbers:
        if not tests[number] and number not in NOT_YET | BY_OTHERS:
            yield f"no test shows {number}"
        if tests[number] and number in NOT_YET:
            yield f"tests show {number}: take it out of NOT_YET"
    yield from _faults_of_tables(all_tests)


def _faults_of_tables(tests: Sequence[NamedTest]) -> Iterator[str]:
    for number, name in KEY_TESTS.items():
        if not any(test.name == name and number in test.numbers for test in tests):
            yield f"KEY_TESTS: there is no {name} that shows {number}"
    for number, files in KEEPS.items():
        for file in files:
            if not (ROOT / file).is_file():
                yield f"KEEPS: there is no {file}, which should keep {number}"


def _tests(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
            "test"
        ):
            yield node


def _links(files: dict[str, int], counted: bool = False) -> str:
    return ", ".join(
        f"[{name}](../{name})" + (f" ({count})" if counted else "") for name, count in files.items()
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.support.traceability")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if it differs")
    check = parser.parse_args().check
    sentences = list(faults())
    if sentences:
        sys.stderr.write("\n".join(sentences) + "\n")
        return 1
    if check and PAGE.read_text() != page():
        sys.stderr.write("docs/traceability.md is out of date: run `make docs`\n")
        return 1
    if not check:
        PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
