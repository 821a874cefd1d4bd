"""R15: each alert fires at its trouble and at no other, and is silent while the app is well."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from tests.infra.bicep import INFRA
from tests.infra.deployment import resources
from tests.infra.evaluation import Values
from tests.monitoring.conditions import MINUTES, TROUBLES, checks, healthy, work
from tests.monitoring.ingestion import Telemetry, telemetry
from tests.monitoring.tables import Workspace
from tests.support.ingestion import Row

RUNBOOK = (INFRA.parent / "docs/runbook.md").read_text()
SECTIONS = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))
ALSO_FIRES = {"no-executions": {"nothing-reconciled"}}
"""Where nothing runs, reconcile does not run."""


@cache
def rules() -> dict[str, Values]:
    """The properties of each rule, by its name."""
    found = {}
    for each in resources():
        if each.type == "Microsoft.Insights/scheduledQueryRules":
            name = each.body["name"].removeprefix("alert-abcdefghijklm-")
            found[name] = each.body["properties"]
    return found


def fired(rows: list[Row]) -> set[str]:
    """The rules whose condition these rows meet."""
    windows = {minutes(rule["windowSize"]) for rule in rules().values()}
    seen = {window: Workspace(rows, window) for window in windows}
    return {
        name for name, rule in rules().items() if _is_met(rule, seen[minutes(rule["windowSize"])])
    }


def _is_met(rule: Values, seen: Workspace) -> bool:
    (condition,) = rule["criteria"]["allOf"]
    assert (condition["timeAggregation"], condition["operator"]) == ("Count", "GreaterThan")
    return len(seen.run(condition["query"])) > int(condition["threshold"])


def minutes(duration: str) -> timedelta:
    """An ISO 8601 duration of minutes."""
    found = re.fullmatch(r"PT(\d+)M", duration)
    assert found
    return timedelta(minutes=int(found[1]))


@pytest.fixture
def reporting() -> Iterator[Telemetry]:
    with telemetry() as found:
        yield found


def test_r15_no_alert_fires_while_the_app_is_well(reporting: Telemetry) -> None:
    healthy(reporting)
    rows = reporting.rows() + checks(failed=1)
    assert {table for table, _ in rows} >= {"AppEvents", "AppMetrics", "AppRequests", "AppTraces"}
    assert fired(rows) == set()


@pytest.mark.acceptance
@pytest.mark.parametrize("trouble", TROUBLES)
def test_r15_an_alert_fires_at_its_trouble(trouble: str, reporting: Telemetry) -> None:
    alert, condition = TROUBLES[trouble]
    condition(reporting)
    assert fired(reporting.rows() + checks(failed=0)) == {alert, *ALSO_FIRES.get(alert, ())}


@pytest.mark.parametrize("error", ["Unavailable", "AccessRefused"])
def test_a_message_that_waits_for_storage_is_no_fault_of_the_app(
    error: str, reporting: Telemetry
) -> None:
    """The host's row of a function that raised, so that the queue delivers its message again."""
    healthy(reporting)
    text = f"Result: Failure\nException: {error}: Tables answered 503\nStack: ..."
    columns = {"TimeGenerated": datetime.now(UTC), "OuterMessage": text, "SeverityLevel": 3}
    rows = reporting.rows() + checks(failed=0)
    assert fired([*rows, ("AppExceptions", columns)]) == set()
    crash = {**columns, "OuterMessage": text.replace(error, "KeyError")}
    assert fired([*rows, ("AppExceptions", crash)]) == {"failures-by-us"}


def test_r15_checks_from_outside_that_fail_are_an_alert(reporting: Telemetry) -> None:
    healthy(reporting)
    assert fired(reporting.rows() + checks(failed=6)) == {"health"}


def test_every_alert_is_provoked() -> None:
    assert {alert for alert, _ in TROUBLES.values()} | {"health"} == {*rules()}


def test_trouble_that_is_over_fires_no_more(reporting: Telemetry) -> None:
    TROUBLES["Jobs are left"][1](reporting)
    aged = [
        (table, {**row, "TimeGenerated": row["TimeGenerated"] - timedelta(hours=1)})
        for table, row in reporting.rows()
    ]
    healthy(reporting)
    fresh = reporting.rows()[len(aged) :]
    assert fired(aged + fresh + checks(failed=0)) == set()


def test_r15_a_gauge_that_is_no_longer_set_is_missing_also_if_its_process_runs(
    reporting: Telemetry,
) -> None:
    healthy(reporting)
    before = len(reporting.rows())
    work(reporting)
    for _ in range(MINUTES):
        reporting.minute()
    assert fired(reporting.rows()[before:] + checks(failed=0)) == {"nothing-reconciled"}


def test_a_rule_looks_at_least_as_far_back_as_it_waits() -> None:
    """Else rows between two evaluations would never be seen."""
    for name, rule in rules().items():
        assert minutes(rule["evaluationFrequency"]) <= minutes(rule["windowSize"]), name
        samples = re.findall(r"Samples >= (\d+)", rule["criteria"]["allOf"][0]["query"])
        for needed in samples:
            assert int(needed) <= MINUTES
            assert timedelta(minutes=int(needed)) <= minutes(rule["windowSize"])


def test_every_alert_reaches_the_action_group() -> None:
    (group,) = (each for each in resources() if each.type == "Microsoft.Insights/actionGroups")
    for rule in rules().values():
        assert [str(each) for each in rule["actions"]["actionGroups"]] == ["<operators.id>"]
    assert group.body["properties"]["enabled"] is True


def test_each_alert_has_its_section_and_each_section_its_alert() -> None:
    assert {*SECTIONS} == {*rules()}
    for name, text in SECTIONS.items():
        for part in ("**Means**", "**See**", "**Do**"):
            assert text.count(part) == 1, name
        assert f"alert-{name}.kql" in text, name
        assert "docs/runbook.md, " + name in rules()[name]["description"]
