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
from triggers.auth.callers import caller
from triggers.auth.quotas import need_room
from triggers.http.health import NOBODY, sidecar_is_well
from triggers.http.parallel_checks import Heard, ask_all
from triggers.http.preflight_request import Planned, planned
from triggers.http.responses import answer, answered
from triggers.submission.accept import Acceptance, acceptance
from triggers.submission.field_aliases import FIRST_NAMES, QUERY
from triggers.submission.json_body import json_object
from triggers.submission.parse import SEARCHES

PATIENCE = 8.0
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
class Verdict:
    """What a check came to; `action` says what to do about it."""

    status: str
    detail: str | None = None
    action: str | None = None


@answered
def check(req: HttpRequest) -> HttpResponse:
    """POST /api/blast/pre-flight"""
    who = caller(req)
    return answer(_preflight().run(json_object(req.get_body()), who))


@dataclass(frozen=True)
class Preflight:
    """Checks a search that is not sent yet, by the code that a submission is checked by."""

    acceptance: Callable[[], Acceptance]
    look_at_cluster: Callable[[str], object]
    look_at_sidecar: Callable[[], object]
    patience: float = PATIENCE

    def run(self, body: Mapping[str, Any], who: Caller) -> dict[str, Any]:
        """All checks side by side. One that cannot be made has failed. Raises TooLarge."""
        plan = planned(body, settings())
        refused = _by_check(plan.examined.faults)
        checks: dict[str, Callable[[], Verdict]] = {
            "fasta_format": lambda: self._query(plan, who),
            "blast_db": lambda: self._database(plan),
            "aks_cluster": lambda: self._cluster(plan),
            "storage_containers": self._containers,
            "terminal_sidecar": self._sidecar,
            "search_options": _passed,
            "active_searches": lambda: self._room(who),
        }
        heard = ask_all(
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

    def _query(self, plan: Planned, who: Caller) -> Verdict:
        if "query" in plan.lacks:
            return Verdict("skip", "no query was given")
        if plan.submission is None:
            return _skipped()
        if missing := list(self.acceptance().missing(plan.submission, who)):
            return _refused(missing, "upload the query first")
        text = plan.submission.query_text
        if text is None:
            return _passed(plan.submission.search.query_url or None)
        size = measure(text)
        return _passed(f"{size.sequences} sequences, {size.residues} residues")

    def _database(self, plan: Planned) -> Verdict:
        if "db" in plan.lacks:
            return Verdict("skip", "no database was given")
        if plan.submission is None:
            return _skipped()
        if "program" not in plan.lacks:
            unsuitable = list(self.acceptance().unsuitable(plan.submission))
            if unsuitable:
                return _refused(unsuitable, "choose another of the two")
        found = {name: self.acceptance().catalogue.at(url) for name, url in _databases(plan)}
        if absent := [name for name, there in found.items() if not there]:
            detail = f"there is no {', '.join(absent)}"
            return Verdict("fail", detail, "put it in the container blast-db")
        if not all(_is_ready(there) for there in found.values()):
            return Verdict("warn", "some of its files are missing", "wait until it is copied")
        return _passed(", ".join(found))

    def _cluster(self, plan: Planned) -> Verdict:
        planned_for = plan.submission and plan.submission.search.placement.cluster_name
        name = planned_for or settings().cluster_name
        self.look_at_cluster(name)
        return _passed(name)

    def _containers(self) -> Verdict:
        missing = self.acceptance().blobs.missing(QUERIES, DATABASES, RESULTS)
        detail = f"missing: {', '.join(missing)}"
        return Verdict("fail", detail, "create them in the account") if missing else _passed()

    def _sidecar(self) -> Verdict:
        self.look_at_sidecar()
        return _passed()

    def _room(self, who: Caller) -> Verdict:
        need_room(self.acceptance().jobs.index, who, settings().most_active)
        return _passed()


def _passed(detail: str | None = None) -> Verdict:
    return Verdict("pass", detail)


def _skipped() -> Verdict:
    return Verdict("skip", "looked for once the rest is right")


def _refused(faults: Iterable[Fault], action: str) -> Verdict:
    return Verdict("fail", "; ".join(fault.what for fault in faults), action)


def _unless(faults: list[Fault] | None, check: Callable[[], Verdict]) -> Callable[[], Verdict]:
    """The check; where a submission would be refused for faults of its fields, those instead."""
    if not faults:
        return check
    details = dict.fromkeys(f"{fault.where}: {fault.what}" for fault in faults)
    return lambda: Verdict("fail", "; ".join(details), "change what it names")


def _by_check(faults: Iterable[Fault]) -> dict[str, list[Fault]]:
    """The faults of a request by the check that shows them."""
    found: dict[str, list[Fault]] = {}
    for fault in faults:
        path = fault.where.split(".")
        name = path[2] if path[0] == SEARCHES and len(path) > 2 else path[0]
        check = CHECK_OF.get(FIRST_NAMES.get(name, name), "search_options")
        found.setdefault(check, []).append(fault)
    return found


def _databases(plan: Planned) -> Iterator[tuple[str, str]]:
    """Name and URL of each database of a plan, once."""
    if plan.submission is None:
        return
    searches = [one.search for one in plan.submission.searches] or [plan.submission.search]
    yield from {one.database: one.database_url for one in searches}.items()


def _is_ready(found: list[Database]) -> bool:
    return any(one.ready for one in found)


def _shown(name: str, heard: Heard[Verdict]) -> dict[str, Any]:
    away = Verdict("fail", heard.trouble, "try again later; if it stays so, tell an operator")
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
        sidecar_is_well,
    )
