"""R15: the queries of alerts and of the workbook are KQL, and ask for what the app reports."""

import json
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.states import Phase
from shared.telemetry.names import JOB_ID, METRICS, TRANSITION, TRANSITION_FIELDS
from tests.infra.bicep import INFRA
from tests.infra.deployment import one
from tests.monitoring.conditions import JOB_ID as JOB
from tests.monitoring.conditions import LIFE, checks, healthy
from tests.monitoring.ingestion import telemetry
from tests.monitoring.tables import TABLES, Workspace, declared
from tests.monitoring.test_alerts import rules
from tests.support.source_names import job_codes, log_events

PROJECT = INFRA.parent
QUERIES = {path.stem: path.read_text() for path in (INFRA / "monitoring/queries").glob("*.kql")}
METRICS_BY_NAME = {metric.name: metric for metric in METRICS}
MISTAKES = {
    "syntax": "AppTraces | sumarize count()",
    "column": "AppTraces | where Mesage has 'x'",
    "table": "AppTrace | take 1",
    "type": "AppMetrics | where Sum > 'x'",
    "function": "AppTraces | extend a = tostrin(Message)",
}
AREAS = ("Searches", "One search", "Waits", "Failures", "Clusters", "Upkeep", "Cost")

PREFIXES = tuple(code for code in job_codes() if code.endswith("_"))
"""Codes that a number follows."""

each_query = pytest.mark.parametrize("name", sorted(QUERIES))


@cache
def faults() -> dict[str, list[str]]:
    """What Microsoft's parser says of each query and of each mistake."""
    folder = PROJECT / ".state/kql"
    assert (folder / "node_modules").exists(), "`make test` installs the parser"
    script = Path(__file__).parent / "kql/check.js"
    ended = subprocess.run(
        ["node", str(script), str(folder)],
        input=json.dumps({"tables": declared(), "queries": QUERIES | MISTAKES}),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found: dict[str, list[str]] = json.loads(ended.stdout)
    return found


@cache
def workbook() -> dict[str, Any]:
    """The content of the workbook."""
    properties = one("Microsoft.Insights/workbooks").body["properties"]
    content: dict[str, Any] = json.loads(properties["serializedData"])
    assert content["version"] == properties["version"] == "Notebook/1.0"
    return content


def panels() -> list[dict[str, Any]]:
    return [item["content"] for item in workbook()["items"] if item["type"] == 3]


def test_microsofts_parser_accepts_every_query() -> None:
    assert {name: faults()[name] for name in QUERIES} == {name: [] for name in QUERIES}


def test_microsofts_parser_finds_mistakes() -> None:
    assert all(faults()[name] for name in MISTAKES)


@each_query
def test_a_query_begins_with_its_question(name: str) -> None:
    assert re.match(r"// [A-Z][^\n]+\?", QUERIES[name])


@each_query
def test_a_query_asks_for_metrics_and_attributes_that_the_app_has(name: str) -> None:
    text = QUERIES[name]
    metrics = set(re.findall(r'"(blast\.[a-z_.]+)"', text)) - {TRANSITION}
    assert metrics <= {*METRICS_BY_NAME}
    known = {JOB_ID} | {each for metric in metrics for each in METRICS_BY_NAME[metric].attributes}
    if TRANSITION in text:
        known |= {*TRANSITION_FIELDS}
    assert set(re.findall(r"Properties\.(\w+)", text)) <= known


@each_query
def test_a_query_asks_for_log_lines_codes_and_phases_that_the_app_has(name: str) -> None:
    words = set(re.findall(r'"([a-z]+_[a-z_0-9]+)"', QUERIES[name]))
    assert all(word in known_words() or word.startswith(PREFIXES) for word in words)


@cache
def known_words() -> set[str]:
    # The redacting filter writes log_message_invalid in place of a message.
    logged = log_events() | {"log_message_invalid"}
    return logged | job_codes() | {each.value for each in Phase}


def test_every_query_is_used_once() -> None:
    used = [str(rule["criteria"]["allOf"][0]["query"]) for rule in rules().values()]
    used += [str(panel["query"]) for panel in panels()]
    assert sorted(used) == sorted(QUERIES.values())
    for name, rule in rules().items():
        assert rule["criteria"]["allOf"][0]["query"] == QUERIES[f"alert-{name}"]


def test_every_query_runs_and_shows_what_was_reported() -> None:
    with telemetry() as reporting:
        healthy(reporting)
        rows = reporting.rows() + checks(failed=0)
    usage = {"DataType": "AppTraces", "Quantity": 2000.0, "IsBillable": True}
    rows.append(("Usage", {**usage, "TimeGenerated": rows[0][1]["TimeGenerated"]}))
    workspace = Workspace(rows)
    shown = {
        name: workspace.run(text.replace("{JobId}", JOB))
        for name, text in QUERIES.items()
        if not name.startswith("alert-")
    }
    assert all(shown.values()), {name for name, found in shown.items() if not found}
    names = [name for name, *_ in LIFE]
    assert [row["Event"] for row in shown["search-life"]] == ["accepted", *names]
    (line,) = shown["search-log"]
    assert line["Text"] == f"orchestration_restarted job_id={JOB} was=Failed"
    (hours,) = shown["cost-searches"]
    assert (hours["Hours"], hours["Searches"]) == (3 * 2 * 90 / 3600, 3)
    assert shown["cost-logs"] == [{"Table": "AppTraces", "Gigabytes": 2.0}]
    ended = {row["What"]: row["Searches"] for row in shown["searches-accepted-and-ended"]}
    assert ended == {"accepted": 3, "completed": 3, "search_failed": 1}
    submit = next(row for row in shown["waits-durations"] if "submit.duration" in row["What"])
    assert (submit["Times"], submit["Average"], submit["Longest"]) == (3, 60, 60)


def test_the_workbook_has_its_areas_and_the_parameters_that_it_uses() -> None:
    titles = [str(panel["title"]) for panel in panels()]
    assert len({*titles}) == len(titles)
    for area in AREAS:
        assert any(title.startswith(area) for title in titles), area
    (parameters,) = (item for item in workbook()["items"] if item["type"] == 9)
    names = {each["name"] for each in parameters["content"]["parameters"]}
    used = {name for panel in panels() for name in re.findall(r"\{(\w+)\}", str(panel["query"]))}
    used |= {str(panel["timeContextFromParameter"]) for panel in panels()}
    assert used == names


def test_the_panels_are_of_forms_that_a_workbook_knows() -> None:
    for panel in panels():
        assert panel["version"] == "KqlItem/1.0"
        assert panel["visualization"] in ("table", "timechart", "barchart")
        assert panel["resourceType"] == "microsoft.operationalinsights/workspaces"
        if panel["visualization"] != "table":
            assert "Time = bin(TimeGenerated" in str(panel["query"])


def test_every_table_of_the_schema_is_asked() -> None:
    text = "\n".join(QUERIES.values())
    assert {table for table in TABLES if re.search(rf"\b{table}\b", text)} == {*TABLES}
