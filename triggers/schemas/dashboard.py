"""Response models of what only the dashboard asks for."""

from typing import Any, Literal

from pydantic import Field

from triggers.schemas.common import Id, ResponseModel, Timestamp
from triggers.schemas.job_parts import JobStatus, ShownPhase


class Permissions(ResponseModel):
    """What the caller may do here: search. The app changes no Azure resource."""

    can_read: bool
    can_write: bool
    can_start_stop: bool
    can_delete: bool
    can_submit_blast: bool
    can_build_acr: bool
    can_grant_rbac: bool
    degraded: bool = Field(json_schema_extra={"const": False})
    matched_roles: list[str]
    matched_role_names: list[str]
    reason: str


class CapacityGate(ResponseModel):
    """There is no such gate: a search waits, and its `reason` says for what."""

    enabled: Literal[False]


class Capacity(ResponseModel):
    """The answer by which the dashboard hides its capacity gate."""

    data: CapacityGate


class JobsEventsTicket(ResponseModel):
    """`enabled: false`: there is no stream of changes; the dashboard polls."""

    enabled: Literal[False]


class LogTicket(ResponseModel):
    """A ticket for the log of a job.

    `streaming: false`: a response has the lines until now, and is to be asked for again.
    """

    ticket: str
    ttl_seconds: int
    streaming: Literal[False]
    poll_after_seconds: int


class LogEntry(ResponseModel):
    """A line of a job's log, the data of a server-sent event."""

    id: str
    """The same whenever the line is sent."""
    schema_version: Literal[1]
    job_id: str
    source: Literal["control_plane", "k8s"]
    phase: str
    """The step of the dashboard under which it is shown."""
    exact_phase: str | None = None
    pod: str | None = None
    container: str | None = None
    line: str
    ts: Timestamp


class JobOfAccession(ResponseModel):
    """A search whose first query has this accession."""

    job_id: str = Id
    status: JobStatus
    phase: ShownPhase
    database: str
    created_at: Timestamp
    query_accession: str
    seq_start: int | None
    seq_stop: int | None
    detail_url: str


class JobsOfAccession(ResponseModel):
    """The caller's latest searches with an accession as the name of their first query."""

    accession: str
    accession_base: str
    match: Literal["base", "exact"]
    count: int
    jobs: list[JobOfAccession]
    degraded: bool
    reason: str | None


class Taxon(ResponseModel):
    """A taxon by its number."""

    taxid: int
    scientific_name: str
    rank: str
    lineage: str
    matched_name: str
    synonyms: list[str]


class Taxa(ResponseModel):
    """A taxid is taken as it is; names are not known here."""

    query: str
    count: int
    source: Literal["none"]
    cached: bool
    results: list[Taxon]
    message: str


class Suggestion(ResponseModel):
    """A database that fits a search."""

    db: str
    label: str
    rationale: str


class Recommendation(ResponseModel):
    """Two of the deployment's databases that fit a search."""

    ruleset_version: str
    molecule: Literal["dna", "protein"]
    goal: str
    program: str
    taxon: str | None
    recommended: Suggestion
    alternative: Suggestion
    notes: list[str]


class TemplateView(ResponseModel):
    """Saved values of a form."""

    id: str
    name: str
    fields: dict[str, Any]
    created_at: Timestamp
    updated_at: Timestamp


class Templates(ResponseModel):
    """The caller's templates, by name."""

    templates: list[TemplateView]


class TemplateDeleted(ResponseModel):
    """Whether there was such a template."""

    deleted: bool
