"""Checks whether a search would be accepted and could run."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.blast.databases import Database
from shared.contracts.job import Caller
from shared.contracts.storage_urls import DATABASES, QUERIES, RESULTS
from shared.dependencies import Dependencies
from shared.errors import Fault
from shared.util.threads import in_thread
from triggers.auth.quotas import check_active_limit
from triggers.http.checks.parallel_checks import CheckResult, run_checks
from triggers.http.checks.query_sizes import QuerySizes
from triggers.http.checks.readiness import check_cluster, check_sidecar
from triggers.http.preflight_request import PreflightRequest, parse_preflight
from triggers.schemas.common import FaultView
from triggers.schemas.preflight import Check, CheckId, CheckStatus, PreFlight, Severity
from triggers.submission.accept import SubmissionService
from triggers.submission.field_aliases import CANONICAL_NAMES, QUERY
from triggers.submission.parse import SEARCHES

CHECK_TIMEOUT = 8.0
"""Seconds for all checks together; the dashboard's client times out after 30 s."""
TITLES: Mapping[CheckId, str] = {
    "fasta_format": "The query is FASTA",
    "blast_db": "The database exists",
    "aks_cluster": "The cluster answers",
    "storage_containers": "The storage containers exist",
    "terminal_sidecar": "The sidecar answers",
    "search_options": "The options are allowed",
    "active_searches": "One more search can be started",
}
SHOWN_IF_FAILED: frozenset[CheckId] = frozenset({"search_options", "active_searches"})
"""The other checks are always in the response."""
CHECK_BY_FIELD: Mapping[str, CheckId] = {
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
"""By canonical name: the check that reports a field's faults; `search_options` for all others."""


_SEVERITY: Mapping[CheckStatus, Severity] = {"fail": "critical", "warn": "warning"}


@dataclass(frozen=True)
class CheckOutcome:
    """The outcome of a check; `action` tells the user what to do."""

    status: CheckStatus
    detail: str | None = None
    action: str | None = None
    faults: tuple[Fault, ...] = ()
    """Found by the check itself, not by parsing."""
    warnings: tuple[str, ...] = ()
    """What a submission would accept, and ignore or change."""


@dataclass(frozen=True)
class Preflight:
    """Checks a planned search with the code that checks a submission."""

    clients: Dependencies
    submissions: Callable[[], SubmissionService]
    """Raises Unavailable, which fails the checks that need it and not the whole request."""
    timeout: float = CHECK_TIMEOUT

    async def run(self, body: Mapping[str, Any], caller: Caller) -> PreFlight:
        """Run all checks in parallel; a check that raises has failed. Raises TooLarge."""
        plan = await in_thread(parse_preflight, body, self.clients.settings)
        faults = _faults_by_check(plan.result.faults)
        checks: dict[CheckId, Callable[[], Awaitable[CheckOutcome]]] = {
            "fasta_format": lambda: self._check_query(plan, caller),
            "blast_db": lambda: self._check_database(plan),
            "aks_cluster": lambda: self._check_cluster(plan),
            "storage_containers": self._check_containers,
            "terminal_sidecar": self._check_sidecar,
            "search_options": self._check_options,
            "active_searches": lambda: self._check_active_limit(caller),
        }
        results = await run_checks(
            {
                check_id: _unless_invalid(faults.get(check_id), run)
                for check_id, run in checks.items()
            },
            self.timeout,
        )
        views = [_check_view(check_id, result) for check_id, result in results.items()]
        shown = [view for view in views if view.status == "fail" or view.id not in SHOWN_IF_FAILED]
        blockers = [view.title for view in shown if view.status == "fail"]
        outcomes = [result.value for result in results.values() if result.value]
        later = [fault for outcome in outcomes for fault in outcome.faults]
        warnings = [*(plan.submission.warnings if plan.submission else ())]
        warnings += [warning for outcome in outcomes for warning in outcome.warnings]
        summary = f"failed checks: {'; '.join(blockers)}" if blockers else "the search can be sent"
        return PreFlight(
            ready=not blockers,
            checks=shown,
            critical_blockers=len(blockers),
            summary=summary,
            faults=[FaultView.of(fault) for fault in (*plan.result.faults, *later)] or None,
            warnings=warnings or None,
        )

    async def _check_query(self, plan: PreflightRequest, caller: Caller) -> CheckOutcome:
        if "query" in plan.lacks:
            return CheckOutcome("skip", "no query was given")
        if plan.submission is None:
            return _skipped()
        check = await self.submissions().checks.queries(plan.submission, caller)
        if check.faults:
            return _failed(check.faults, "upload the query first")
        sizes = await in_thread(QuerySizes.of, plan.submission, check)
        return CheckOutcome("pass", sizes.sentence, warnings=check.warnings)

    async def _check_database(self, plan: PreflightRequest) -> CheckOutcome:
        if "db" in plan.lacks:
            return CheckOutcome("skip", "no database was given")
        if plan.submission is None:
            return _skipped()
        checks, warnings = self.submissions().checks, tuple[str, ...]()
        if "program" not in plan.lacks:
            check = await checks.databases(plan.submission)
            if check.faults:
                return _failed(check.faults, "choose another program or database")
            warnings = check.warnings
        catalog = checks.catalog
        databases = {name: await catalog.databases_at(url) for name, url in _database_urls(plan)}
        if missing := [name for name, found in databases.items() if not found]:
            detail = f"there is no {', '.join(missing)}"
            return CheckOutcome("fail", detail, "copy it to the container blast-db")
        if not all(_is_ready(found) for found in databases.values()):
            return CheckOutcome("warn", "some of its files are missing", "wait until it is copied")
        return CheckOutcome("pass", ", ".join(databases), warnings=warnings)

    async def _check_cluster(self, plan: PreflightRequest) -> CheckOutcome:
        requested = plan.submission and plan.submission.search.placement.cluster_name
        name = requested or self.clients.settings.cluster_name
        await check_cluster(self.clients, name)
        return _passed(name)

    async def _check_containers(self) -> CheckOutcome:
        missing = await self.clients.blobs.missing_containers(QUERIES, DATABASES, RESULTS)
        detail = f"missing: {', '.join(missing)}"
        return CheckOutcome("fail", detail, "create them in the account") if missing else _passed()

    async def _check_sidecar(self) -> CheckOutcome:
        await check_sidecar(self.clients.sidecar)
        return _passed()

    async def _check_options(self) -> CheckOutcome:
        """Passes: `parse_preflight` has found the faults of options."""
        return _passed()

    async def _check_active_limit(self, caller: Caller) -> CheckOutcome:
        limit = self.clients.settings.max_active_jobs
        await check_active_limit(self.clients.jobs.index, caller, limit)
        return _passed()


def _passed(detail: str | None = None) -> CheckOutcome:
    return CheckOutcome("pass", detail)


def _skipped() -> CheckOutcome:
    return CheckOutcome("skip", "checked once the other fields are valid")


def _failed(faults: Sequence[Fault], action: str) -> CheckOutcome:
    text = "; ".join(fault.message for fault in faults)
    return CheckOutcome("fail", text, action, tuple(faults))


def _unless_invalid(
    faults: list[Fault] | None, check: Callable[[], Awaitable[CheckOutcome]]
) -> Callable[[], Awaitable[CheckOutcome]]:
    """Return the check, or one that fails if its fields have faults."""
    if not faults:
        return check
    details = dict.fromkeys(f"{fault.path}: {fault.message}" for fault in faults)

    async def fail() -> CheckOutcome:
        return CheckOutcome("fail", "; ".join(details), "correct these fields")

    return fail


def _faults_by_check(faults: Iterable[Fault]) -> dict[CheckId, list[Fault]]:
    """Group the faults of a request by the check that reports them."""
    groups: dict[CheckId, list[Fault]] = {}
    for fault in faults:
        path = fault.path.split(".")
        name = path[2] if path[0] == SEARCHES and len(path) > 2 else path[0]
        check_id = CHECK_BY_FIELD.get(CANONICAL_NAMES.get(name, name), "search_options")
        groups.setdefault(check_id, []).append(fault)
    return groups


def _database_urls(plan: PreflightRequest) -> Iterator[tuple[str, str]]:
    """Yield name and URL of each distinct database of a plan."""
    if plan.submission is None:
        return
    searches = [spec.search for spec in plan.submission.searches] or [plan.submission.search]
    yield from {search.database: search.database_url for search in searches}.items()


def _is_ready(databases: list[Database]) -> bool:
    return any(database.ready for database in databases)


def _check_view(check_id: CheckId, result: CheckResult[CheckOutcome]) -> Check:
    error = CheckOutcome("fail", result.error, "try again later; if it persists, tell an operator")
    outcome = result.value or error
    return Check(
        id=check_id,
        status=outcome.status,
        title=TITLES[check_id],
        detail=outcome.detail,
        action=outcome.action,
        severity=_SEVERITY.get(outcome.status),
    )
