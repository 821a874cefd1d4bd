"""One search of a request, read from its fields under their old and new names."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from shared.blast.fasta import faults as fasta_faults
from shared.blast.fasta import measure
from shared.contracts.search import Placement, Program, Search, SearchSpec, Sizing
from shared.contracts.storage_urls import RESULTS, InvalidPath, StorageAccount
from shared.contracts.validation import faults_of
from shared.elastic_blast.allowed_options import with_outfmt
from shared.errors import Fault, TooLarge
from shared.settings import Settings
from shared.settings.formats import Memory
from triggers.submission.blast_options import SearchOptions
from triggers.submission.json_body import ClientToken

Part = TypeVar("Part", bound=BaseModel)


def parse_leniently(
    part: type[Part], said: Mapping[str, Any], stand_in: Mapping[str, Any]
) -> Part | None:
    """The part with a stand-in for each field that is needed and wrong: so no fault hides another.

    What is wrong and has no stand-in is left out.
    """
    try:
        return part.model_validate(said)
    except ValidationError as error:
        wrong = {fault.path.partition(".")[0] for fault in faults_of(error)}
    right = {name: value for name, value in said.items() if name not in wrong}
    try:
        return part.model_validate({**right, **{n: v for n, v in stand_in.items() if n in wrong}})
    except ValidationError:
        return None


LARGEST_QUERY = 20_000_000 - 1
"""Bytes. From 20 MB on ElasticBLAST wants its queries split beforehand."""
MOST_BATCHES = 5000
PLACEHOLDERS = {"program": Program.BLASTP, "db": "unknown"}
"""Where one of them is wrong, the rest is checked with these: blastp takes whatever is a query."""

Text = Annotated[str, Field(max_length=900)]
Model = TypeVar("Model", bound=BaseModel)
Fields = Mapping[str, Any]
"""What a request says, flat: by name, without nulls."""


def _named(*names: str) -> Any:
    return Field(None, validation_alias=AliasChoices(*names))


@dataclass(frozen=True)
class Findings:
    """What the check of a request finds, in the order of the checks."""

    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    """Sentences about values that are accepted and not used."""


class _FieldGroup(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True)


class TitleFields(_FieldGroup):
    """How a person names it."""

    job_title: str = Field("", max_length=200)


class ProgramFields(TitleFields):
    """Program, database and query."""

    program: Program
    db: Annotated[
        str, Field(min_length=1, max_length=900, validation_alias=AliasChoices("db", "database"))
    ]
    query_data: str | None = Field(None, validation_alias=AliasChoices("query_data", "query_fasta"))
    query_path: Text | None = _named("query_blob_url", "query_file")


class PlacementFields(_FieldGroup):
    """What the deployment fixes, and a request may only repeat or choose from an allow-list."""

    cluster_name: Text | None = _named("aks_cluster_name", "cluster_name")
    subscription_id: Text | None = None
    resource_group: Text | None = None
    region: Text | None = None
    storage_account: Text | None = None
    acr_name: Text | None = None
    acr_resource_group: Text | None = None


class SizingFields(_FieldGroup):
    """What the search asks of its cluster."""

    machine_type: str | None = Field(None, pattern=r"^Standard_[A-Za-z0-9_]{1,40}$")
    num_nodes: int | None = Field(None, ge=1, le=100)
    mem_request: Memory | None = None
    mem_limit: Memory | None = None
    batch_len: int | None = Field(None, ge=1, le=1_000_000_000)
    db_partitions: int = Field(0, ge=0, le=64)
    db_partition_prefix: str = Field("", pattern=r"^[A-Za-z0-9._/-]{0,200}$")


class RequestFields(_FieldGroup):
    """What the request says of itself."""

    idempotency_key: str | None = Field(None, min_length=1, max_length=256)
    external_correlation_id: ClientToken | None = None
    request_id: ClientToken | None = None


def read_search(
    fields: Fields, where: PlacementFields | None, settings: Settings, findings: Findings
) -> SearchSpec | None:
    """The search that these fields ask for, at that place; what is wrong is added to `findings`.

    None where something that is needed is missing or wrong. Raises TooLarge.
    """
    faults = findings.faults
    what = read_part(ProgramFields, fields, faults)
    size = read_part(SizingFields, fields, faults)
    options = read_part(SearchOptions, fields, faults)
    if what and options:
        faults += [Fault("options", text) for text in options.faults(what.program)]
        findings.warnings.extend(options.warnings(what.program))
    seen = what or parse_leniently(ProgramFields, fields, PLACEHOLDERS)
    urls = _urls(seen, settings.account, faults) if seen else None
    if seen:
        faults += _query_faults(seen, size, settings)
    if not (what and where and size and options and urls):
        return None
    search = Search(
        program=what.program,
        database=what.db,
        database_url=urls.database,
        query_url=urls.query,
        results_url=urls.results,
        options=with_outfmt(
            options.flags(what.program), settings.default_outfmt, bool(size.db_partitions)
        ),
        placement=_placement(where, settings),
        sizing=_sizing(size, settings),
        title=what.job_title,
    )
    return SearchSpec(search, what.query_data, _fingerprint(what, where, size, options))


def read_placement(
    fields: Fields, settings: Settings, findings: Findings
) -> PlacementFields | None:
    """The place that the request names; what this deployment does not serve is a fault."""
    where = read_part(PlacementFields, fields, findings.faults)
    if where:
        findings.faults.extend(_foreign(where, settings))
        findings.warnings.extend(_unused(where, settings))
    return where


@dataclass(frozen=True)
class _Urls:
    database: str
    query: str
    results: str


def read_part(model: type[Model], fields: Fields, faults: list[Fault]) -> Model | None:
    """A part of the request. Beside faults it holds what is right, for the checks that follow.

    None where something that is needed is missing or wrong.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        found = faults_of(error)
    faults += found
    wrong = {fault.path.partition(".")[0] for fault in found}
    with suppress(ValidationError):
        return model.model_validate({name: v for name, v in fields.items() if name not in wrong})
    return None


NEVER_USED = ("subscription_id", "acr_name", "acr_resource_group")
"""Where the deployment has none of its own set, any value is accepted, and none is used."""


def _unused(where: PlacementFields, settings: Settings) -> Iterator[str]:
    """One sentence for each value that is accepted and not used."""
    for name in NEVER_USED:
        if getattr(where, name) and not getattr(settings, name):
            yield f"{name} was not used: this deployment has none set"


def _foreign(where: PlacementFields, settings: Settings) -> Iterator[Fault]:
    """Whatever the request names that this deployment does not serve."""
    for name, asked in where.model_dump(exclude_none=True).items():
        if name in NEVER_USED and not getattr(settings, name):
            continue
        allowed = {getattr(settings, name)}
        if name == "cluster_name":
            allowed |= settings.allowed_clusters
        if asked not in allowed:
            yield Fault(name, f"{asked!r} is not served by this deployment")


def _urls(what: ProgramFields, account: StorageAccount, faults: list[Fault]) -> _Urls | None:
    """The normalised URLs; a query that comes as text gets its own when it is accepted."""
    database = _url("db", account.database, what.db, faults)
    query = _url("query_blob_url", account.query, what.query_path, faults)
    if database is None or query is None:
        return None
    return _Urls(database, query, account.url(RESULTS, "").rstrip("/"))


def _url(
    name: str, make: Callable[[str], str], text: str | None, faults: list[Fault]
) -> str | None:
    """The URL that `make` makes of a path, empty where there is no path, None where it is wrong."""
    try:
        return make(text) if text else ""
    except InvalidPath as error:
        faults.append(Fault(name, str(error)))
        return None


def _query_faults(
    what: ProgramFields, size: SizingFields | None, settings: Settings
) -> Iterator[Fault]:
    sources = [source for source in (what.query_data, what.query_path) if source]
    if not sources:
        yield Fault("query_data", "one of query_data, query_blob_url and query_file is needed")
    if len(sources) > 1:
        text = "only one of query_data, query_blob_url and query_file can be given"
        yield Fault("query_data", text, "conflicting_query_sources")
    if not what.query_data:
        return
    if len(what.query_data.encode()) > LARGEST_QUERY:
        raise TooLarge("query_too_large", f"a query has at most {LARGEST_QUERY:,} bytes")
    for text in fasta_faults(what.query_data, what.program):
        yield Fault("query_data", text, "invalid_query_fasta")
    batch_len = (size and size.batch_len) or settings.batch_len
    if measure(what.query_data).residues > MOST_BATCHES * batch_len:
        yield Fault("batch_len", f"would make more than {MOST_BATCHES} batches of this query")


def _placement(where: PlacementFields, settings: Settings) -> Placement:
    return Placement(
        storage_account=settings.storage_account,
        cluster_name=where.cluster_name or settings.cluster_name,
        resource_group=settings.resource_group,
        region=settings.region,
        subscription_id=settings.subscription_id,
        acr_name=settings.acr_name,
        acr_resource_group=settings.acr_resource_group,
    )


def _sizing(size: SizingFields, settings: Settings) -> Sizing:
    return Sizing(
        machine_type=size.machine_type or settings.machine_type,
        num_nodes=size.num_nodes or settings.num_nodes,
        num_cpus=settings.num_cpus,
        mem_request=size.mem_request or settings.mem_request,
        mem_limit=size.mem_limit or settings.mem_limit,
        batch_len=size.batch_len or settings.batch_len,
        db_partitions=size.db_partitions,
        db_partition_prefix=size.db_partition_prefix,
    )


def _fingerprint(*parts: BaseModel) -> str:
    said = [part.model_dump(mode="json", exclude_defaults=True) for part in parts]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
