"""Pre-flight over HTTP: whether a search would be accepted, and could run."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from azure.functions import HttpRequest, HttpResponse

from shared import dependencies
from shared.blast.databases import Database
from shared.blast.fasta import measure
from shared.contracts.job import Caller
from shared.contracts.storage_urls import DATABASES, QUERIES, RESULTS
from shared.errors import Fault
from shared.settings import settings
from triggers.auth.callers import authenticate
from triggers.auth.quotas import check_active_limit
from triggers.http.health import NOBODY, is_sidecar_healthy
from triggers.http.parallel_checks import CheckResult, run_checks
from triggers.http.preflight_request import PreflightRequest, parse_preflight
from triggers.http.responses import handle_errors, json_response
from triggers.submission.accept import SubmissionService, acceptance
from triggers.submission.field_aliases import FIRST_NAMES, QUERY
from triggers.submission.json_body import json_object
from triggers.submission.parse import SEARCHES

CHECK_TIMEOUT = 8.0
"""Seconds for all checks together; a client waits for 30."""
TITLES = {
    "fasta_format": "The query is FASTA",
    "blast_db": "The database is there",
    "aks_cluster": "The cluster answers",
    "storage_containers": "The storage containers are there",
    "terminal_sidecar": "The sidecar answers",
    "search_options": "The options are allowed",
    "active_searches": "One more search can be started",
}
SHOWN_IF_FAILED = {"search_options", "active_searches"}
"""The other checks are always shown."""
CHECK_OF = {
    **dict.fromkeys(QUERY, "fasta_format"),
    "db": "blast_db",
    "storage_account": "storage_containers",
    **dict.fromkeys(
        (
            *("aks_cluster_name", "subscription_id", "resource_group"),
            *("region", "acr_name", "acr_resource_group"),
        ),
        "aks_cluster",
    ),
}
"""The check that shows the faults of a field, by its first name; else `search_options` does."""


@dataclass(frozen=True)
class CheckOutcome:
    """What a check came to; `action` says what to do about it."""

    status: str
    detail: str | None = None
    action: str | None = None


@handle_errors
def check(req: HttpRequest) -> HttpResponse:
    """POST /api/blast/pre-flight"""
    who = authenticate(req)
    return json_response(_preflight().run(json_object(req.get_body()), who))


@dataclass(frozen=True)
class Preflight:
    """Checks a search that is not sent yet, by the code that a submission is checked by."""

    acceptance: Callable[[], SubmissionService]
    look_at_cluster: Callable[[str], object]
    look_at_sidecar: Callable[[], object]
    patience: float = CHECK_TIMEOUT

    def run(self, body: Mapping[str, Any], who: Caller) -> dict[str, Any]:
        """All checks side by side. One that cannot be made has failed. Raises TooLarge."""
        plan = parse_preflight(body, settings())
        refused = _by_check(plan.examined.faults)
        checks: dict[str, Callable[[], CheckOutcome]] = {
            "fasta_format": lambda: self._query(plan, who),
            "blast_db": lambda: self._database(plan),
            "aks_cluster": lambda: self._cluster(plan),
            "storage_containers": self._containers,
            "terminal_sidecar": self._sidecar,
            "search_options": _passed,
            "active_searches": lambda: self._room(who),
        }
        heard = run_checks(
            {name: _unless(refused.get(name), one) for name, one in checks.items()}, self.patience
        )
        shown = [
            one
            for name in checks
            if (one := _shown(name, heard[name]))["status"] == "fail" or name not in SHOWN_IF_FAILED
        ]
        blockers = [one["title"] for one in shown if one["status"] == "fail"]
        summary = f"does not hold: {'; '.join(blockers)}" if blockers else "the search can be sent"
        return {
            "ready": not blockers,
            "checks": shown,
            "critical_blockers": len(blockers),
            "summary": summary,
        }

    def _query(self, plan: PreflightRequest, who: Caller) -> CheckOutcome:
        if "query" in plan.lacks:
            return CheckOutcome("skip", "no query was given")
        if plan.submission is None:
            return _skipped()
        if missing := list(self.acceptance().missing(plan.submission, who)):
            return _refused(missing, "upload the query first")
        text = plan.submission.query_text
        if text is None:
            return _passed(plan.submission.search.query_url or None)
        size = measure(text)
        return _passed(f"{size.sequences} sequences, {size.residues} residues")

    def _database(self, plan: PreflightRequest) -> CheckOutcome:
        if "db" in plan.lacks:
            return CheckOutcome("skip", "no database was given")
        if plan.submission is None:
            return _skipped()
        if "program" not in plan.lacks:
            unsuitable = list(self.acceptance().unsuitable(plan.submission))
            if unsuitable:
                return _refused(unsuitable, "choose another of the two")
        found = {name: self.acceptance().catalogue.at(url) for name, url in _databases(plan)}
        if absent := [name for name, there in found.items() if not there]:
            detail = f"there is no {', '.join(absent)}"
            return CheckOutcome("fail", detail, "put it in the container blast-db")
        if not all(_is_ready(there) for there in found.values()):
            return CheckOutcome("warn", "some of its files are missing", "wait until it is copied")
        return _passed(", ".join(found))

    def _cluster(self, plan: PreflightRequest) -> CheckOutcome:
        planned_for = plan.submission and plan.submission.search.placement.cluster_name
        name = planned_for or settings().cluster_name
        self.look_at_cluster(name)
        return _passed(name)

    def _containers(self) -> CheckOutcome:
        missing = self.acceptance().blobs.missing_containers(QUERIES, DATABASES, RESULTS)
        detail = f"missing: {', '.join(missing)}"
        return CheckOutcome("fail", detail, "create them in the account") if missing else _passed()

    def _sidecar(self) -> CheckOutcome:
        self.look_at_sidecar()
        return _passed()

    def _room(self, who: Caller) -> CheckOutcome:
        check_active_limit(self.acceptance().jobs.index, who, settings().max_active_jobs)
        return _passed()


def _passed(detail: str | None = None) -> CheckOutcome:
    return CheckOutcome("pass", detail)


def _skipped() -> CheckOutcome:
    return CheckOutcome("skip", "looked for once the rest is right")


def _refused(faults: Iterable[Fault], action: str) -> CheckOutcome:
    return CheckOutcome("fail", "; ".join(fault.message for fault in faults), action)


def _unless(
    faults: list[Fault] | None, check: Callable[[], CheckOutcome]
) -> Callable[[], CheckOutcome]:
    """The check; where a submission would be refused for faults of its fields, those instead."""
    if not faults:
        return check
    details = dict.fromkeys(f"{fault.path}: {fault.message}" for fault in faults)
    return lambda: CheckOutcome("fail", "; ".join(details), "change what it names")


def _by_check(faults: Iterable[Fault]) -> dict[str, list[Fault]]:
    """The faults of a request by the check that shows them."""
    found: dict[str, list[Fault]] = {}
    for fault in faults:
        path = fault.path.split(".")
        name = path[2] if path[0] == SEARCHES and len(path) > 2 else path[0]
        check = CHECK_OF.get(FIRST_NAMES.get(name, name), "search_options")
        found.setdefault(check, []).append(fault)
    return found


def _databases(plan: PreflightRequest) -> Iterator[tuple[str, str]]:
    """Name and URL of each database of a plan, once."""
    if plan.submission is None:
        return
    searches = [one.search for one in plan.submission.searches] or [plan.submission.search]
    yield from {one.database: one.database_url for one in searches}.items()


def _is_ready(found: list[Database]) -> bool:
    return any(one.ready for one in found)


def _shown(name: str, heard: CheckResult[CheckOutcome]) -> dict[str, Any]:
    away = CheckOutcome("fail", heard.trouble, "try again later; if it stays so, tell an operator")
    verdict = heard.answer or away
    severity = {"fail": "critical", "warn": "warning"}.get(verdict.status)
    shown = {
        "id": name,
        "status": verdict.status,
        "title": TITLES[name],
        "detail": verdict.detail,
        "action": verdict.action,
        "severity": severity,
    }
    return {field: value for field, value in shown.items() if value is not None}


@cache
def _preflight() -> Preflight:
    return Preflight(
        acceptance,
        lambda name: dependencies.cluster(name).jobs_of(NOBODY),
        is_sidecar_healthy,
    )
