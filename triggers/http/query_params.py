"""Models of query strings, which validate requests and describe them in the OpenAPI document."""

from typing import Annotated, Literal, TypeVar

from azure.functions import HttpRequest
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from shared.contracts.search import Program
from shared.contracts.validation import faults_of
from shared.errors import Fault, Invalid
from triggers.schemas.exports import CitationFormat, PipelineFormat

DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE = 50, 500
MiB = 1024 * 1024
Query = TypeVar("Query", bound=BaseModel)
AzureName = Annotated[str, Field(max_length=90, pattern=r"^[A-Za-z0-9._()-]+$")]
JobFile = Literal["input.fa", "elastic-blast.ini"]
_NO_EFFECT = "Without effect: the dashboard sends it"


def _digits(text: object) -> object:
    """Accept ASCII digits only: pydantic would also accept `5.0` and `1_000`."""
    if isinstance(text, str) and not (text.isascii() and text.isdecimal()):
        raise ValueError("must be a whole number")
    return text


Number = Annotated[int, BeforeValidator(_digits)]


class DashboardCoordinates(BaseModel):
    """Where the dashboard believes a job or database to be. The app knows it, so these have no
    effect. A name that the operation does not have is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subscription_id: AzureName | None = Field(None, description=_NO_EFFECT)
    resource_group: AzureName | None = Field(None, description=_NO_EFFECT)
    storage_account: AzureName | None = Field(None, description=_NO_EFFECT)


class PageQuery(DashboardCoordinates):
    """A page of a list of jobs."""

    limit: Annotated[Number, Field(ge=1, le=MAX_PAGE_SIZE)] = DEFAULT_PAGE_SIZE
    cursor: str = Field(
        "",
        pattern=r"^([0-9]{6,13}-[a-z0-9-]{1,64})?$",
        description="`next_cursor` of the previous page",
    )


class ListQuery(PageQuery):
    """A page of the caller's jobs, optionally filtered."""

    status: Literal["queued", "running", "completed", "failed", "cancelled"] | None = None
    program: Program | None = None
    db: str | None = Field(
        None, max_length=900, pattern="^[!-~]+$", description="The database as in the submission"
    )

    cluster_name: AzureName | None = Field(None, description="The cluster of the searches")

    @property
    def filters(self) -> dict[str, str]:
        """The required values by column of the index."""
        values = {
            "status": self.status,
            "program": self.program,
            "db": self.db,
            "cluster_name": self.cluster_name,
        }
        return {name: str(value) for name, value in values.items() if value}


class ClustersQuery(BaseModel):
    """The clusters of a subscription or resource group."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subscription_id: str | None = Field(None, max_length=90)
    resource_group: str | None = Field(None, max_length=90)


class DatabasesQuery(DashboardCoordinates):
    """The databases; the dashboard adds the nodes for which it would split them."""

    num_nodes: Annotated[Number, Field(ge=1, le=1000)] | None = Field(None, description=_NO_EFFECT)
    machine_type: AzureName | None = Field(None, description=_NO_EFFECT)
    fresh: Literal["0", "1"] = Field("0", description="`1`: not from the cache")


class DetailQuery(DashboardCoordinates):
    """One job."""

    history: Literal["0", "1"] = Field("0", description="`1` adds the job's events")
    include_database_metadata: Literal["true", "false", "1", "0"] = Field(
        "true", description="Whether `database_metadata` is wanted"
    )

    @property
    def leaves_database_out(self) -> bool:
        """Whether the database is not to be looked up."""
        return self.include_database_metadata in ("false", "0")


class EventsQuery(DashboardCoordinates):
    """The events after a known event."""

    after: Annotated[Number, Field(ge=0, le=10**8)] = Field(0, description="The id of an event")


class FileQuery(DashboardCoordinates):
    """The first bytes of a job's query or config."""

    name: Annotated[str, Field(min_length=1, max_length=1100)] = Field(
        description="`input.fa` or `elastic-blast.ini`; also with the folder of the job, or the"
        " `query_file` of its `payload`"
    )
    max_bytes: Annotated[Number, Field(ge=1, le=100 * MiB)] = MiB

    def short_name(self, job_id: str, query_file: str) -> JobFile:
        """The name without the job's folder. Raises Invalid for any file but the job's two.

        `query_file` is the path of the job's query in its container, and that container.
        """
        short: JobFile
        for short in ("input.fa", "elastic-blast.ini"):
            if self.name in (short, f"queries/{job_id}/{short}"):
                return short
        if self.name == query_file:
            return "input.fa"
        raise Invalid([Fault("name", f"must be input.fa or elastic-blast.ini of {job_id}")])


class PermissionsQuery(DashboardCoordinates):
    """Where the permissions are wanted; they are the same everywhere."""

    cluster_name: AzureName | None = Field(None, description=_NO_EFFECT)


class CapacityQuery(PermissionsQuery):
    """The search whose capacity is wanted."""

    program: Program | None = Field(None, description=_NO_EFFECT)
    database: str | None = Field(None, max_length=900, description=_NO_EFFECT)


class TaxonQuery(DashboardCoordinates):
    """A taxid."""

    q: str = Field(min_length=1, max_length=80, description="A taxid: names are not known")
    limit: Annotated[Number, Field(ge=1, le=100)] = Field(10, description="Of no effect")

    @property
    def taxid(self) -> int | None:
        """The taxid, or None for a name."""
        is_number = self.q.isascii() and self.q.isdecimal() and len(self.q) < 10
        return int(self.q) or None if is_number else None


class AccessionQuery(DashboardCoordinates):
    """Which searches with an accession."""

    match: Literal["base", "exact"] = Field("base", description="`base`: in any version")
    limit: Annotated[Number, Field(ge=1, le=100)] = 20


class RecommendQuery(DashboardCoordinates):
    """A search for which a database is wanted."""

    program: Literal["blastn", "blastp", "blastx", "tblastn", "tblastx"] = "blastn"
    molecule: Literal["dna", "protein"] = "dna"
    goal: Literal[
        "identify",
        "highly_similar",
        "transcripts",
        "genomes",
        "well_characterized",
        "comprehensive",
    ] = "identify"
    taxon: str | None = Field(None, max_length=80)


class TicketQuery(DashboardCoordinates):
    """The ticket of a log, or of a link to a file. In the query string, which the host's telemetry
    keeps without its values; it would keep a path."""

    ticket: str = Field(max_length=1000, pattern="^[A-Za-z0-9_.-]+$")


class LinkQuery(DashboardCoordinates):
    """The file that a link opens."""

    blob_name: str = Field(max_length=120, pattern="^[!-~]+$", description="Name or id of a file")


class CitationQuery(DashboardCoordinates):
    """The form of a citation."""

    format: CitationFormat = "text"


class PipelineQuery(DashboardCoordinates):
    """The language of a pipeline."""

    format: PipelineFormat


def parse_query(req: HttpRequest, model: type[Query]) -> Query:
    """Parse the query string; empty values count as absent. Raises Invalid with all faults."""
    params = {name: text for name, text in req.params.items() if text}
    try:
        return model.model_validate(params)
    except ValidationError as error:
        raise Invalid(faults_of(error)) from error
