"""Models of a request's fields, in groups. BLAST's options are in `blast_options`."""

from typing import Annotated, Any

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, StringConstraints

from shared.contracts.search import Program
from shared.elastic_blast.sharding import MOST_SHARDED_JOBS
from shared.settings.formats import Memory
from shared.util.plain_text import first_unprintable
from triggers.submission.json_body import ClientToken
from triggers.submission.json_values import Integer

Text = Annotated[str, Field(max_length=900)]


def _unicode(text: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in set(text)):
        raise ValueError("has half of a character (a lone surrogate)")
    return text


def _plain(text: str) -> str:
    if character := first_unprintable(text):
        raise ValueError(f"has U+{ord(character):04X}, which cannot be stored or shown")
    return text


PlainText = Annotated[str, AfterValidator(_plain)]
"""A text for people, in which Tables and terminals take every character."""
QueryText = Annotated[str, StringConstraints(strip_whitespace=False), AfterValidator(_unicode)]
"""FASTA, whose lines keep their numbers and their white space."""


def _alias(*names: str) -> Any:
    return Field(None, validation_alias=AliasChoices(*names))


class _FieldGroup(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True)


class TitleFields(_FieldGroup):
    """The title that people give a search or a batch."""

    job_title: PlainText = Field("", max_length=200)


class ProgramFields(TitleFields):
    """Program, database and query."""

    program: Program
    db: Annotated[
        str, Field(min_length=1, max_length=900, validation_alias=AliasChoices("db", "database"))
    ]
    query_data: QueryText | None = Field(
        None, validation_alias=AliasChoices("query_data", "query_fasta")
    )
    query_path: Text | None = _alias("query_blob_url", "query_file")
    query_label: PlainText = Field(
        "", max_length=100, description="The query's name in lists; default: its first sequence's"
    )


class PlacementFields(_FieldGroup):
    """Azure resources. The deployment fixes them; only the cluster can be chosen, from a list."""

    cluster_name: Text | None = _alias("aks_cluster_name", "cluster_name")
    subscription_id: Text | None = None
    resource_group: Text | None = None
    region: Text | None = None
    storage_account: Text | None = None
    acr_name: Text | None = None
    acr_resource_group: Text | None = None


class SizingFields(_FieldGroup):
    """Nodes, memory and batches of a search."""

    machine_type: str | None = Field(None, pattern=r"^Standard_[A-Za-z0-9_]{1,40}$")
    num_nodes: Integer | None = Field(None, ge=1, le=100)
    mem_request: Memory | None = None
    mem_limit: Memory | None = None
    batch_len: Integer | None = Field(None, ge=1, le=1_000_000_000)
    db_partitions: Integer = Field(0, ge=0, le=MOST_SHARDED_JOBS)
    db_partition_prefix: Text = ""

    def warnings(self) -> list[str]:
        """List the fields that are not used, one sentence each."""
        if self.db_partition_prefix and not self.db_partitions:
            return ["db_partition_prefix is not used: db_partitions is 0"]
        return []


class RequestFields(_FieldGroup):
    """Ids of the request, chosen by the client."""

    idempotency_key: str | None = Field(None, min_length=1, max_length=256)
    external_correlation_id: ClientToken | None = None
    request_id: ClientToken | None = None
