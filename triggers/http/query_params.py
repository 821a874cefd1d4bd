"""Models of query strings, which validate requests and describe them in the OpenAPI document."""

from typing import Annotated, Literal, TypeVar

from azure.functions import HttpRequest
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from shared.contracts.search import Program
from shared.contracts.validation import faults_of
from shared.errors import Invalid

DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE = 50, 500
MiB = 1024 * 1024
Query = TypeVar("Query", bound=BaseModel)
_CONFIG = ConfigDict(extra="ignore", frozen=True)


def _digits(text: object) -> object:
    """Accept ASCII digits only: pydantic would also accept `5.0` and `1_000`."""
    if isinstance(text, str) and not (text.isascii() and text.isdecimal()):
        raise ValueError("must be a whole number")
    return text


Number = Annotated[int, BeforeValidator(_digits)]


class PageQuery(BaseModel):
    """A page of a list of jobs."""

    model_config = _CONFIG

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

    @property
    def filters(self) -> dict[str, str]:
        """The required values by column of the index."""
        values = {"status": self.status, "program": self.program, "db": self.db}
        return {name: str(value) for name, value in values.items() if value}


class ClustersQuery(BaseModel):
    """The clusters of a subscription or resource group."""

    model_config = _CONFIG

    subscription_id: str | None = Field(None, max_length=90)
    resource_group: str | None = Field(None, max_length=90)


class DetailQuery(BaseModel):
    """One job."""

    model_config = _CONFIG

    history: Literal["0", "1"] = Field("0", description="`1` adds the job's events")


class EventsQuery(BaseModel):
    """The events after a known event."""

    model_config = _CONFIG

    after: Annotated[Number, Field(ge=0, le=10**8)] = Field(0, description="The id of an event")


class FileQuery(BaseModel):
    """The first bytes of a job's query or config."""

    model_config = _CONFIG

    name: Literal["input.fa", "elastic-blast.ini"]
    max_bytes: Annotated[Number, Field(ge=1, le=100 * MiB)] = MiB


def parse_query(req: HttpRequest, model: type[Query]) -> Query:
    """Parse the query string; empty values count as absent. Raises Invalid with all faults."""
    params = {name: text for name, text in req.params.items() if text}
    try:
        return model.model_validate(params)
    except ValidationError as error:
        raise Invalid(faults_of(error)) from error
