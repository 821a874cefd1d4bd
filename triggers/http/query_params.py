"""What a request asks for in its address: models that validate it and describe it alike."""

from typing import Annotated, Literal, TypeVar

from azure.functions import HttpRequest
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from shared.contracts.search import Program
from shared.contracts.validation import faults_of
from shared.errors import Invalid

PAGE, LARGEST_PAGE = 50, 500
MiB = 1024 * 1024
Query = TypeVar("Query", bound=BaseModel)
_HELD = ConfigDict(extra="ignore", frozen=True)


def _digits(text: object) -> object:
    """Digits alone: pydantic would also take `5.0` and `1_000`."""
    if isinstance(text, str) and not (text.isascii() and text.isdecimal()):
        raise ValueError("must be a whole number")
    return text


Number = Annotated[int, BeforeValidator(_digits)]


class PageQuery(BaseModel):
    """A page of a list of jobs."""

    model_config = _HELD

    limit: Annotated[Number, Field(ge=1, le=LARGEST_PAGE)] = PAGE
    cursor: str = Field(
        "",
        pattern=r"^([0-9]{6,13}-[a-z0-9-]{1,64})?$",
        description="`next_cursor` of the page before",
    )


class ListQuery(PageQuery):
    """A page of the caller's jobs, or of some of them."""

    status: Literal["queued", "running", "completed", "failed", "cancelled"] | None = None
    program: Program | None = None
    db: str | None = Field(
        None, max_length=900, pattern="^[!-~]+$", description="The name as it was asked for"
    )

    @property
    def only(self) -> dict[str, str]:
        """Columns, and what they must say."""
        return {name: value for name in ("status", "program", "db") if (value := self._said(name))}

    def _said(self, name: str) -> str:
        return str(getattr(self, name) or "")


class ClustersAsked(BaseModel):
    """The clusters of a subscription, or of a resource group in it."""

    model_config = _HELD

    subscription_id: str | None = Field(None, max_length=90)
    resource_group: str | None = Field(None, max_length=90)


class DetailQuery(BaseModel):
    """One job."""

    model_config = _HELD

    history: Literal["0", "1"] = Field("0", description="`1` adds the job's events")


class EventsQuery(BaseModel):
    """The events behind one that is known."""

    model_config = _HELD

    after: Annotated[Number, Field(ge=0, le=10**8)] = Field(0, description="The id of an event")


class FileQuery(BaseModel):
    """One of the two files that a search is made of."""

    model_config = _HELD

    name: Literal["input.fa", "elastic-blast.ini"]
    max_bytes: Annotated[Number, Field(ge=1, le=100 * MiB)] = MiB


class AlignmentsQuery(BaseModel):
    """The first hits of a file, or of one query in it."""

    model_config = _HELD

    blob_name: str | None = Field(None, description="The file's name or id; else the first file")
    max_alignments: Annotated[Number, Field(ge=1, le=200)] = 50
    query_id: str | None = None


class ExportQuery(BaseModel):
    """All hits, in a form."""

    model_config = _HELD

    format: Literal["csv", "tsv", "json"] = "csv"


def parse_query(req: HttpRequest, model: type[Query]) -> Query:
    """What the address says. An empty value says nothing. Raises Invalid with all faults."""
    said = {name: text for name, text in req.params.items() if text}
    try:
        return model.model_validate(said)
    except ValidationError as error:
        raise Invalid(faults_of(error)) from error
