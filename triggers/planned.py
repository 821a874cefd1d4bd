"""The body of a pre-flight: as much of a submission as there is already."""

from collections.abc import Mapping
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from shared.contracts.search import Program
from shared.errors import Fault, Invalid, TooLarge
from triggers.one_search import LARGEST_QUERY


class Planned(BaseModel):
    """What is known of a search that is not sent yet; names as in a submission."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    program: Program | None = None
    db: str | None = Field(None, max_length=900, validation_alias=AliasChoices("db", "database"))
    query_data: str | None = Field(
        None, min_length=1, validation_alias=AliasChoices("query_data", "query_fasta")
    )
    query_path: str | None = Field(
        None, max_length=900, validation_alias=AliasChoices("query_blob_url", "query_file")
    )
    cluster_name: str | None = Field(
        None, max_length=63, validation_alias=AliasChoices("aks_cluster_name", "cluster_name")
    )


def planned(body: Mapping[str, Any]) -> Planned:
    """The plan in a body; nulls and empty texts say nothing. Raises Invalid, or TooLarge."""
    said = {name: value for name, value in body.items() if value not in (None, "")}
    try:
        plan = Planned.model_validate(said)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise Invalid([Fault(".".join(map(str, e["loc"])), e["msg"]) for e in found]) from error
    if plan.query_data and len(plan.query_data.encode()) > LARGEST_QUERY:
        raise TooLarge("query_too_large", f"a query has at most {LARGEST_QUERY:,} bytes")
    return plan
