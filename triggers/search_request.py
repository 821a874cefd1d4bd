"""The body of a submission, under its old and new names, checked as a whole."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from shared.contracts.search import Placement, Program, Search, Sizing
from shared.elastic_blast.options import faults as option_faults
from shared.errors import Fault, Invalid, TooLarge
from shared.fasta import faults as fasta_faults
from shared.fasta import measure
from shared.settings import Memory, Settings
from shared.storage_urls import RESULTS, Account, BadPath
from triggers.search_options import SearchOptions

LARGEST_QUERY = 20_000_000 - 1
"""Bytes. From 20 MB on ElasticBLAST wants its queries split beforehand."""
MOST_BATCHES = 5000

Text = Annotated[str, Field(max_length=900)]
Model = TypeVar("Model", bound=BaseModel)


def _named(*names: str) -> Any:
    return Field(None, validation_alias=AliasChoices(*names))


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True)


class WhatPart(_Part):
    """Program, database and query."""

    program: Program
    db: Annotated[str, Field(min_length=1, max_length=900, validation_alias=AliasChoices("db", "database"))]
    query_data: str | None = Field(None, validation_alias=AliasChoices("query_data", "query_fasta"))
    query_path: Text | None = _named("query_blob_url", "query_file")
    job_title: str = Field("", max_length=200)


class WherePart(_Part):
    """What the deployment fixes, and a request may only repeat or choose from an allow-list."""

    cluster_name: Text | None = _named("aks_cluster_name", "cluster_name")
    subscription_id: Text | None = None
    resource_group: Text | None = None
    region: Text | None = None
    storage_account: Text | None = None
    acr_name: Text | None = None
    acr_resource_group: Text | None = None


class SizePart(_Part):
    """What the search asks of its cluster."""

    machine_type: str | None = Field(None, pattern=r"^Standard_[A-Za-z0-9_]{1,40}$")
    num_nodes: int | None = Field(None, ge=1, le=100)
    mem_request: Memory | None = None
    mem_limit: Memory | None = None
    batch_len: int | None = Field(None, ge=1, le=1_000_000_000)
    db_partitions: int = Field(0, ge=0, le=64)
    db_partition_prefix: str = Field("", pattern=r"^[A-Za-z0-9._/-]{0,200}$")


class CallPart(_Part):
    """What the request says of itself."""

    idempotency_key: str | None = Field(None, min_length=1, max_length=256)
    external_correlation_id: str | None = Field(None, min_length=1, max_length=256)


@dataclass(frozen=True)
class Submission:
    """A request that may be accepted. Its query is text, or lies in Blob already."""

    search: Search
    query_text: str | None
    idempotency_key: str | None
    correlation_id: str | None
    warnings: tuple[str, ...]
