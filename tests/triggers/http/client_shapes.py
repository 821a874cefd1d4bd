"""The fields of responses that the dashboard's web client reads, and where it reads them.

Facts from reading three revisions of github `dotnetpower/elb-dashboard`. A path goes from the body
of an answer by names; `*` stands for each entry of a list or object, `?` behind a name says that it
may be missing. A site is file and line below `web/src/`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any

HEAD, SEED, FUNCTIONS = "eecc315f", "c6e88688", "af808115"
TEXT_OR_NUMBER = (str, int, float, NoneType)
NUMBER = (int, float, NoneType)
TWO_DIGITS = re.compile(r"\d+(\.\d{1,2})?")
NOT_AN_INTEGER = re.compile(r"(?!\d+$).+")


@dataclass(frozen=True)
class Read:
    """A field that a client reads: its response, path and type."""

    route: str
    path: str
    shape: Any
    """As in contract.py."""
    sites: Mapping[str, str]
    """By revision: the source line that reads it."""


def _reads(route: str, *rows: tuple[str, Any, str, str, str]) -> tuple[Read, ...]:
    """Rows of path, shape and source lines in HEAD, SEED and FUNCTIONS; empty if it is not read."""
    return tuple(
        Read(route, path, shape, {r: s for r, s in zip(_REVISIONS, sites, strict=True) if s})
        for path, shape, *sites in rows
    )


_REVISIONS = (HEAD, SEED, FUNCTIONS)
_SUBMIT, _STATS = "pages/BlastSubmit.tsx", "pages/BlastAnalytics.tsx"
_OVERVIEW = "pages/blastResults/analytics/OverviewPanel.tsx"
_FORM = "pages/blastSubmit"
_TIMELINE = "components/BlastStepTimeline"

CLUSTERS = _reads(
    "monitor/aks?subscription_id=11111111-2222-3333-4444-555555555555",
    (
        *("clusters.*.name", str),
        *(f"{_FORM}/useSubmitMutation.ts:283", f"{_SUBMIT}:279", f"{_SUBMIT}:518"),
    ),
    ("clusters.*.resource_group", str, f"{_SUBMIT}:348", "", ""),
    (
        *("clusters.*.region", str),
        *(f"{_FORM}/useSubmitMutation.ts:240", f"{_SUBMIT}:254", f"{_SUBMIT}:496"),
    ),
    (
        *("clusters.*.power_state", {"Running", "Stopped"}),
        *("utils/aksStatus.ts:32", f"{_SUBMIT}:305", f"{_SUBMIT}:546"),
    ),
    ("clusters.*.provisioning_state", {"Succeeded"}, "utils/aksStatus.ts:6", "", ""),
    (
        *("clusters.*.node_count", int),
        *(f"{_FORM}/computeEnvironment.ts:20", f"{_FORM}/computeEnvironment.ts:18"),
        f"{_SUBMIT}:509",
    ),
    (
        *("clusters.*.node_sku", str),
        *(f"{_FORM}/computeEnvironment.ts:15", f"{_FORM}/computeEnvironment.ts:14"),
        f"{_SUBMIT}:508",
    ),
)
DATABASES = _reads(
    "blast/databases",
    (
        *("databases.*.name", str),
        *(f"{_FORM}/helpers.ts:16", f"{_FORM}/helpers.ts:10", f"{_SUBMIT}:879"),
    ),
    (
        *("databases.*.container", {"blast-db"}),
        *(f"{_FORM}/helpers.ts:16", f"{_FORM}/helpers.ts:10", f"{_SUBMIT}:879"),
    ),
    (
        *("databases.*.prefix", str),
        *(f"{_FORM}/helpers.ts:16", f"{_FORM}/helpers.ts:9", f"{_SUBMIT}:877"),
    ),
    (
        *("databases.*.file_count", int, "utils/blastDbReady.ts:89"),
        *("components/cards/storage/useBlastDb.ts:169", "components/cards/StorageCard.tsx:823"),
    ),
    (
        *("databases.*.total_bytes", int, f"{_SUBMIT}:360", f"{_SUBMIT}:159"),
        "components/cards/StorageCard.tsx:1051",
    ),
    ("databases.*.copy_status.phase", {"completed", "partial"}, "utils/blastDbReady.ts:71", "", ""),
    ("databases.*.total_letters?", int, f"{_SUBMIT}:361", "api/blast.ts:118", ""),
    ("databases.*.total_sequences?", int, f"{_SUBMIT}:362", "api/blast.ts:119", ""),
)
PRE_FLIGHT = _reads(
    "blast/pre-flight",
    ("ready", bool, f"{_FORM}/PreFlightResultPanel.tsx:93", f"{_SUBMIT}:209", f"{_SUBMIT}:461"),
    ("summary", str, f"{_FORM}/PreFlightResultPanel.tsx:98", f"{_SUBMIT}:489", f"{_SUBMIT}:1363"),
    ("critical_blockers", int, f"{_FORM}/SubmitSummaryRail.tsx:105", "", ""),
    ("checks.*.id", str, f"{_FORM}/PreFlightResultPanel.tsx:84", "", f"{_SUBMIT}:1421"),
    (
        *("checks.*.status", {"pass", "fail", "warn", "skip"}),
        *(f"{_FORM}/PreFlightResultPanel.tsx:51", f"{_SUBMIT}:498", f"{_SUBMIT}:1372"),
    ),
    (
        *("checks.*.title", str),
        *(f"{_FORM}/PreFlightResultPanel.tsx:65", f"{_SUBMIT}:522", f"{_SUBMIT}:1396"),
    ),
    (
        *("checks.*.detail?", str),
        *(f"{_FORM}/PreFlightResultPanel.tsx:66", f"{_SUBMIT}:524", f"{_SUBMIT}:1398"),
    ),
    (
        *("checks.*.severity?", str),
        *(f"{_FORM}/PreFlightResultPanel.tsx:57", f"{_SUBMIT}:505", f"{_SUBMIT}:1379"),
    ),
)
SUBMITTED = _reads(
    "blast/jobs",
    ("job_id", str, f"{_FORM}/useSubmitMutation.ts:80", f"{_SUBMIT}:167", f"{_SUBMIT}:417"),
    ("id", str, f"{_FORM}/useSubmitMutation.ts:80", "", ""),
    ("instance_id", str, f"{_FORM}/useSubmitMutation.ts:80", f"{_SUBMIT}:167", f"{_SUBMIT}:417"),
)
_ROW, _OLD_ROW = "components/cards/ClusterBento/jobMapping.ts", "pages/BlastJobs.tsx"
PHASES_KNOWN = {
    *("queued", "submitting", "retrying", "waiting_for_submit_slot", "waiting_for_capacity"),
    *("submitted", "running", "exporting_results", "results_pending", "cancelling"),
    *("completed", "cancelled", "failed", "submit_failed"),
}
"""A phase that a client does not know is a running one to SEED and FUNCTIONS."""
LIST = _reads(
    "blast/jobs?limit=50",
    ("jobs.*.job_id", str, f"{_ROW}:211", f"{_OLD_ROW}:89", f"{_OLD_ROW}:84"),
    ("jobs.*.job_title", str, f"{_ROW}:206", f"{_OLD_ROW}:100", f"{_OLD_ROW}:95"),
    ("jobs.*.program", str, f"{_ROW}:214", f"{_OLD_ROW}:116", f"{_OLD_ROW}:111"),
    ("jobs.*.db", str, f"{_ROW}:215", f"{_OLD_ROW}:116", f"{_OLD_ROW}:111"),
    ("jobs.*.phase", PHASES_KNOWN, f"{_ROW}:195", f"{_OLD_ROW}:429", f"{_OLD_ROW}:380"),
    ("jobs.*.created_at", str, f"{_ROW}:219", f"{_OLD_ROW}:188", f"{_OLD_ROW}:166"),
    ("jobs.*.query_label?", str, f"{_ROW}:205", "", ""),
    (
        *("jobs.*.failure_classification?.category", str),
        *("pages/BlastJobs/JobRow.tsx:304", "", ""),
    ),
    (
        *("jobs.*.failure_classification?.auto_retryable", bool),
        *("pages/BlastJobs/JobRow.tsx:296", "", ""),
    ),
    (
        *("jobs.*.failure_classification?.reason", str),
        *("pages/BlastJobs/JobRow.tsx:300", "", ""),
    ),
    ("page.has_more", bool, "pages/BlastJobs/useBlastJobsState.ts:278", "", ""),
)
_EDIT, _HEADER = "pages/blastSubmit/configSerializer.ts", "pages/blastResults/BlastJobHeader.tsx"
_GRID = "pages/blastResults/BlastJobDetailsGrid.tsx"
DETAILS = _reads(
    "blast/jobs/{id}",
    ("payload.program", str, f"{_EDIT}:163", "", ""),
    ("payload.db", str, f"{_EDIT}:166", "", ""),
    ("payload.job_title?", str, f"{_EDIT}:168", "", ""),
    ("payload.additional_options?", str, f"{_EDIT}:169", "", ""),
    ("payload.evalue?", NUMBER, f"{_EDIT}:171", "", ""),
    ("payload.max_target_seqs?", int, f"{_EDIT}:172", "", ""),
    ("payload.outfmt?", int, f"{_EDIT}:173", "", ""),
    ("payload.word_size?", int, f"{_EDIT}:196", "", ""),
    ("payload.taxid?", int, f"{_EDIT}:209", "", ""),
    ("payload.is_inclusive?", bool, f"{_EDIT}:218", "", ""),
    ("payload.low_complexity_filter?", bool, f"{_EDIT}:221", "", ""),
    ("payload.query_file", str, f"{_HEADER}:236", "", ""),
    ("payload.query_label?", str, f"{_HEADER}:1250", "", ""),
    ("query_label", str, "pages/BlastResults.tsx:139", "", ""),
    ("database_metadata?.title?", str, f"{_HEADER}:607", "", ""),
    ("database_metadata?.molecule_type", str, f"{_HEADER}:625", "", ""),
    ("database_metadata?.update_date?", str, f"{_HEADER}:634", "", ""),
    ("database_metadata?.number_of_sequences?", int, f"{_HEADER}:154", "", ""),
    ("database_metadata?.number_of_letters?", int, f"{_HEADER}:155", "", ""),
    ("config_snapshot.evalue", NUMBER, f"{_GRID}:39", f"{_GRID}:89", "pages/BlastResults.tsx:754"),
    (
        *("config_snapshot.machine_type", str, f"{_GRID}:39", f"{_GRID}:93"),
        "pages/BlastResults.tsx:767",
    ),
)
JOB = _reads(
    "blast/jobs/{id}",
    (
        *("custom_status.steps.*.output?", str, f"{_TIMELINE}/buildStepLog.ts:57"),
        *(f"{_TIMELINE}.tsx:436", f"{_TIMELINE}.tsx:416"),
    ),
    (
        *("custom_status.phase", str, "pages/blastResultsModel.ts:85"),
        *("pages/blastResultsModel.ts:31", "pages/BlastResults.tsx:246"),
    ),
)
STEPS = _reads(
    "blast/jobs/{id}/execution-steps",
    ("custom_status.steps.*.output?", str, f"{_TIMELINE}/buildStepLog.ts:72", "", ""),
    ("output.steps.*.output?", str, f"{_TIMELINE}/buildStepLog.ts:72", "", ""),
)
STATUS = _reads(
    "blast/submit/{id}/status",
    ("custom_status.steps.*.output?", str, "", f"{_TIMELINE}.tsx:455", f"{_TIMELINE}.tsx:435"),
)
AGGREGATE = _reads(
    "blast/jobs/{id}/results/aggregate",
    ("stats.total_hits", int, f"{_OVERVIEW}:60", f"{_STATS}:317", f"{_STATS}:317"),
    ("stats.unique_queries", int, f"{_OVERVIEW}:65", f"{_STATS}:318", f"{_STATS}:318"),
    ("stats.unique_subjects", int, f"{_OVERVIEW}:70", f"{_STATS}:319", f"{_STATS}:319"),
    ("stats.avg_identity", NUMBER, f"{_OVERVIEW}:75", f"{_STATS}:320", f"{_STATS}:320"),
    ("stats.avg_bitscore", NUMBER, f"{_OVERVIEW}:81", f"{_STATS}:321", f"{_STATS}:321"),
    ("stats.min_evalue", NUMBER, f"{_OVERVIEW}:86", f"{_STATS}:322", f"{_STATS}:322"),
    ("stats.evalue_distribution", dict, f"{_OVERVIEW}:100", f"{_STATS}:328", f"{_STATS}:328"),
    ("stats.evalue_distribution.*", int, f"{_OVERVIEW}:44", f"{_STATS}:267", f"{_STATS}:267"),
    ("stats.identity_distribution", dict, f"{_OVERVIEW}:112", f"{_STATS}:336", f"{_STATS}:336"),
    ("stats.identity_distribution.*", int, f"{_OVERVIEW}:45", f"{_STATS}:268", f"{_STATS}:268"),
    ("stats.top_subjects.*.id", str, f"{_OVERVIEW}:149", f"{_STATS}:360", f"{_STATS}:360"),
    ("stats.top_subjects.*.count", int, f"{_OVERVIEW}:149", f"{_STATS}:369", f"{_STATS}:369"),
)
DASHBOARD = (
    *_reads(
        "monitor/jobs-events/ticket",
        ("enabled", bool, "hooks/useJobsEvents.ts:64", "", ""),
    ),
    *_reads(
        "blast/logs/{id}/ticket",
        ("ticket", str, "hooks/useBlastJobLogStream.ts:90", "", ""),
    ),
    *_reads(
        "me/permissions?subscription_id=1-2",
        ("can_submit_blast", bool, "components/PermissionGate.tsx:30", "", ""),
        ("can_write", bool, "components/cards/storage/BlastDbSection.tsx:91", "", ""),
        ("degraded", bool, "components/cards/storage/BlastDbSection.tsx:91", "", ""),
    ),
    *_reads(
        "blast/templates",
        ("templates.*.id", str, "pages/blastSubmit/BlastTemplatesControl.tsx:45", "", ""),
        ("templates.*.name", str, "pages/blastSubmit/BlastTemplatesControl.tsx:48", "", ""),
        ("templates.*.fields", dict, "pages/blastSubmit/BlastTemplatesControl.tsx:47", "", ""),
    ),
    *_reads(
        "blast/capacity?subscription_id=1-2&resource_group=rg&cluster_name=local",
        ("data.enabled", bool, "api/blast.ts:756", "", ""),
    ),
    *_reads(
        "blast/taxonomy/search?q=9606&limit=10",
        ("results.*.taxid", int, "pages/blastSubmit/TaxonomyModal.tsx:53", "", ""),
        ("results.*.scientific_name", str, "pages/blastSubmit/TaxonomyModal.tsx:68", "", ""),
    ),
    *_reads(
        "blast/jobs/by-accession/NM_1?match=base&limit=5",
        ("jobs", list, "pages/sequence/JobBackReferenceCard.tsx:49", "", ""),
        ("degraded", bool, "pages/sequence/JobBackReferenceCard.tsx:70", "", ""),
    ),
    *_reads(
        "blast/databases/recommend?program=blastn",
        ("recommended.db", str, "pages/blastSubmit/DatabaseRecommendPanel.tsx:57", "", ""),
        ("alternative.db", str, "pages/blastSubmit/DatabaseRecommendPanel.tsx:57", "", ""),
    ),
)
UNKNOWN_ROUTE = _reads(
    "settings/service-bus",
    ("error", str, "api/client.ts:220", "api/client.ts:110", "api/client.ts:110"),
    ("detail.code", str, "api/client.ts:330", "api/client.ts:203", ""),
)
READS = (
    *(*CLUSTERS, *DATABASES, *PRE_FLIGHT, *SUBMITTED, *LIST, *DETAILS, *JOB),
    *(*STEPS, *STATUS, *AGGREGATE, *DASHBOARD, *UNKNOWN_ROUTE),
)


def found(body: object, path: str) -> list[object]:
    """The values at a path of a body; none if an optional name is missing.

    Raises KeyError, or TypeError, where something on the way is not there.
    """
    values: list[Any] = [body]
    for name in path.split("."):
        if name == "*":
            values = [one for v in values for one in (v.values() if isinstance(v, dict) else v)]
        elif name.endswith("?"):
            values = [v[name[:-1]] for v in values if name[:-1] in v]
        else:
            values = [v[name] for v in values]
    return values
