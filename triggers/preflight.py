"""Before a search is sent: whether what it needs is there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from azure.functions import HttpRequest, HttpResponse

from shared import opened
from shared.clients.blobs import Blobs
from shared.contracts.job import Caller
from shared.databases import suits
from shared.fasta import faults, measure
from shared.jobs import JobStateRepository
from shared.settings import Settings, settings
from shared.storage_urls import DATABASES, QUERIES, RESULTS, Account, BadPath
from triggers.answers import answer, answered
from triggers.bodies import json_object
from triggers.callers import caller
from triggers.catalogue import Catalogue, catalogue, mismatch
from triggers.health import NOBODY, sidecar_is_well
from triggers.planned import Planned, planned
from triggers.query_blobs import QueryBlobs
from triggers.side_by_side import Heard, ask_all

PATIENCE = 8.0
"""Seconds for all checks together; a client waits for 30."""
TITLES = {
    "fasta_format": "The query is FASTA",
    "blast_db": "The database is there",
    "aks_cluster": "The cluster answers",
    "storage_containers": "The storage containers are there",
    "terminal_sidecar": "The sidecar answers",
}


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
    return answer(_preflight().run(planned(json_object(req.get_body())), who))


@dataclass(frozen=True)
class Preflight:
    """Checks a search that is not sent yet; what it does not say is left out."""

    settings: Settings
    jobs: Callable[[], JobStateRepository]
    blobs: Callable[[], Blobs]
    catalogue: Callable[[], Catalogue]
    look_at_cluster: Callable[[str], object]
    look_at_sidecar: Callable[[], object]
    patience: float = PATIENCE

    def run(self, plan: Planned, who: Caller) -> dict[str, Any]:
        """All checks side by side. One that cannot be made has failed."""
        checks: Mapping[str, Callable[[], Verdict]] = {
            "fasta_format": lambda: self._query(plan, who),
            "blast_db": lambda: self._database(plan),
            "aks_cluster": lambda: self._cluster(plan),
            "storage_containers": self._containers,
            "terminal_sidecar": self._sidecar,
        }
        heard = ask_all(checks, self.patience)
        shown = [_shown(name, heard[name]) for name in checks]
        blockers = [one["title"] for one in shown if one["status"] == "fail"]
        said = f"does not hold: {'; '.join(blockers)}" if blockers else "the search can be sent"
        return {
            "ready": not blockers,
            "checks": shown,
            "critical_blockers": len(blockers),
            "summary": said,
        }

    def _query(self, plan: Planned, who: Caller) -> Verdict:
        if plan.query_data:
            found = faults(plan.query_data, plan.program)
            size = measure(plan.query_data)
            said = f"{size.sequences} sequences, {size.residues} residues"
            return Verdict("fail", "; ".join(found), "mend the query") if found else _well(said)
        if not plan.query_path:
            return Verdict("skip", "no query was given")
        try:
            url = self._account.query(plan.query_path)
        except BadPath as error:
            return Verdict("fail", str(error), "name a blob in the container queries")
        if QueryBlobs(self.jobs(), self.blobs(), self._account).shows(who, url):
            return _well(url)
        return Verdict("fail", f"there is no {url}", "upload the query first")

    def _database(self, plan: Planned) -> Verdict:
        if not plan.db:
            return Verdict("skip", "no database was given")
        try:
            found = self.catalogue().at(self._account.database(plan.db))
        except BadPath as error:
            return Verdict("fail", str(error), "name a database in the container blast-db")
        if not found:
            return Verdict("fail", f"there is no {plan.db}", "put it in the container blast-db")
        kinds = {one.kind for one in found}
        if plan.program and not any(suits(plan.program, kind) for kind in kinds):
            return Verdict("fail", mismatch(plan.program, kinds), "choose another of the two")
        if not any(one.ready for one in found):
            return Verdict("warn", "some of its files are missing", "wait until it is copied")
        return _well(plan.db)

    def _cluster(self, plan: Planned) -> Verdict:
        name = plan.cluster_name or self.settings.cluster_name
        if name not in {self.settings.cluster_name, *self.settings.allowed_clusters}:
            return Verdict("fail", f"{name!r} is not served here", "leave the cluster's name out")
        self.look_at_cluster(name)
        return _well(name)

    def _containers(self) -> Verdict:
        missing = self.blobs().missing(QUERIES, DATABASES, RESULTS)
        said = f"missing: {', '.join(missing)}"
        return Verdict("fail", said, "create them in the account") if missing else _well()

    def _sidecar(self) -> Verdict:
        self.look_at_sidecar()
        return _well()

    @property
    def _account(self) -> Account:
        return Account(self.settings.storage_account, self.settings.storage_suffix)


def _well(detail: str | None = None) -> Verdict:
    return Verdict("pass", detail)


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
        settings(),
        opened.jobs,
        opened.blobs,
        catalogue,
        lambda name: opened.cluster(name).jobs_of(NOBODY),
        sidecar_is_well,
    )
