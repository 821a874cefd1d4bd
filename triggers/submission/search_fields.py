"""The checks of a search's fields, and the SearchSpec that is made from them."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from shared.blast.fasta import Fasta
from shared.contracts.machines import database_fault, sizing_faults
from shared.contracts.search import Placement, Program, Search, SearchSpec, Sizing
from shared.contracts.storage_urls import RESULTS, InvalidPath, StorageAccount
from shared.contracts.validation import faults_of
from shared.elastic_blast.allowed_options import XML, with_outfmt
from shared.elastic_blast.sharding import merge_fault
from shared.errors import Fault
from shared.settings import Settings
from triggers.submission.blast_options import SearchOptions
from triggers.submission.field_groups import PlacementFields, ProgramFields, SizingFields
from triggers.submission.query_checks import (
    QueryUse,
    content_faults,
    label_of,
    parse_fasta,
    search_faults,
)
from triggers.submission.sharding import with_shards

PLACEHOLDERS = {"program": Program.BLASTP, "db": "unknown"}
"""Used in place of an invalid value, so that the other fields can be checked: blastp accepts every
valid query."""

QUERY_FIELDS = ("query_data", "query_fasta", "query_blob_url", "query_file")
"""The fields that give a query, under all their names."""

Model = TypeVar("Model", bound=BaseModel)
Fields = Mapping[str, Any]
"""Fields of a request by name, flattened and without nulls."""


@dataclass(frozen=True)
class Findings:
    """Faults and warnings about a request, in the order of the checks."""

    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    """One sentence per value that is accepted and not used."""


def read_search(
    fields: Fields, placement: PlacementFields | None, settings: Settings, findings: Findings
) -> SearchSpec | None:
    """Make a SearchSpec of the fields and add what is wrong to `findings`.

    None if a required field is missing or invalid. Raises TooLarge.
    """
    faults = findings.faults
    program = read_part(ProgramFields, fields, faults)
    sizing = read_part(SizingFields, fields, faults)
    options = read_part(SearchOptions, fields, faults)
    if sizing:
        findings.warnings.extend(sizing.warnings())
        faults += _sizing_faults(sizing, settings)
    if options:
        faults += _option_faults(options, fields)
    if program and options:
        findings.warnings.extend(options.warnings(program.program))
    if not (checkable := program or _with_placeholders(ProgramFields, fields, PLACEHOLDERS)):
        return None
    urls = _urls(checkable, settings.account, faults)
    flags = _flags(program, options, sizing, settings)
    sizes = _sizing(sizing or SizingFields(), settings)
    use = QueryUse(checkable.program, urls.database if urls else "", flags, sizes)
    use = replace(use, sizing=with_shards(use, program is not None, settings.account, faults))
    fasta = _read_query(checkable, use, findings)
    if not (program and placement and sizing and options and urls):
        return None
    search = Search(
        **vars(use),
        database=program.db,
        query_url=urls.query,
        results_url=urls.results,
        placement=_placement(placement, settings),
        title=program.job_title,
        query_label=program.query_label or (label_of(fasta) if fasta else ""),
    )
    fingerprint = _fingerprint(program, placement, sizing, options)
    return SearchSpec(search, fasta.text if fasta else None, fingerprint)


def _option_faults(options: SearchOptions, fields: Fields) -> list[Fault]:
    """The faults of the options; without a valid program, those that each program has."""
    try:
        return options.faults(Program(str(fields.get("program"))))
    except ValueError:
        return min((options.faults(program) for program in Program), key=len)


def _flags(
    program: ProgramFields | None,
    options: SearchOptions | None,
    sizing: SizingFields | None,
    settings: Settings,
) -> str:
    """The flags of a search; empty while its program or its options are invalid."""
    if not (program and options):
        return ""
    default = settings.default_outfmt
    if sizing and sizing.db_partitions and merge_fault(default):
        default = XML
    return with_outfmt(options.flags(program.program), default)


def read_placement(
    fields: Fields, settings: Settings, findings: Findings
) -> PlacementFields | None:
    """Read the placement fields; a resource that the deployment does not serve is a fault."""
    placement = read_part(PlacementFields, fields, findings.faults)
    if placement:
        findings.faults.extend(_placement_faults(placement, settings))
        findings.warnings.extend(_unused_value_warnings(placement, settings))
    return placement


@dataclass(frozen=True)
class _Urls:
    database: str
    query: str
    results: str


def read_part(model: type[Model], fields: Fields, faults: list[Fault]) -> Model | None:
    """Validate fields as a model; append a fault for each invalid field.

    Invalid fields are then left out, so that other fields of the model can still be checked. None
    if a required field is missing or invalid.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        found = faults_of(error)
    faults += found
    invalid = {fault.path.partition(".")[0] for fault in found}
    with suppress(ValidationError):
        return model.model_validate({name: v for name, v in fields.items() if name not in invalid})
    return None


def _with_placeholders(
    model: type[Model], fields: Fields, placeholders: Mapping[str, Any]
) -> Model | None:
    """Validate fields as a model with placeholders for invalid values, so no fault hides another.

    An invalid field without a placeholder is left out.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        invalid = {fault.path.partition(".")[0] for fault in faults_of(error)}
    valid = {name: value for name, value in fields.items() if name not in invalid}
    used = {name: value for name, value in placeholders.items() if name in invalid}
    try:
        return model.model_validate({**valid, **used})
    except ValidationError:
        return None


OPTIONAL_SETTINGS = ("subscription_id", "acr_name", "acr_resource_group")
"""If the deployment does not set one of these, any value is accepted and none is used."""


def _unused_value_warnings(placement: PlacementFields, settings: Settings) -> Iterator[str]:
    """Yield one sentence per value that is accepted and not used."""
    for name in OPTIONAL_SETTINGS:
        if getattr(placement, name) and not getattr(settings, name):
            yield f"{name} is not used: this deployment does not set it"


def _placement_faults(placement: PlacementFields, settings: Settings) -> Iterator[Fault]:
    """Yield a fault for each resource that this deployment does not serve."""
    for name, value in placement.model_dump(exclude_none=True).items():
        if name in OPTIONAL_SETTINGS and not getattr(settings, name):
            continue
        allowed = {getattr(settings, name)}
        if name == "cluster_name":
            allowed |= settings.allowed_clusters
        if value not in allowed:
            yield Fault(name, f"this deployment does not serve {value!r}: omit the field")


def _urls(program: ProgramFields, account: StorageAccount, faults: list[Fault]) -> _Urls | None:
    """Return the normalised URLs; the query's is empty if the query came as text.

    Such a query gets its URL when the job is created.
    """
    database = _url("db", account.database, program.db, faults)
    if database and (message := database_fault(program.program, database)):
        faults.append(Fault("db", message))
    query = _url("query_blob_url", account.query, program.query_path, faults)
    if database is None or query is None:
        return None
    return _Urls(database, query, account.url(RESULTS, "").rstrip("/"))


def _url(
    name: str, normalise: Callable[[str], str], path: str | None, faults: list[Fault]
) -> str | None:
    """Return the URL of a path, empty without a path; None and a fault if the path is invalid."""
    try:
        return normalise(path) if path else ""
    except InvalidPath as error:
        faults.append(Fault(name, str(error)))
        return None


def _read_query(program: ProgramFields, use: QueryUse, findings: Findings) -> Fasta | None:
    """Read the query that came as text, and add what is wrong. None without one."""
    sources = [source for source in (program.query_data, program.query_path) if source]
    # One that is no text is a fault already, and was left out.
    is_invalid = any(fault.path in QUERY_FIELDS for fault in findings.faults)
    if not sources and not is_invalid:
        message = "send one of query_data, query_blob_url and query_file"
        findings.faults.append(Fault("query_data", message))
    if len(sources) > 1:
        message = "send only one of query_data, query_blob_url and query_file"
        findings.faults.append(Fault("query_data", message, "conflicting_query_sources"))
    if not program.query_data:
        return None
    fasta = parse_fasta(program.query_data, program.program)
    faults = list(content_faults(fasta, "query_data"))
    findings.faults.extend(faults or search_faults(fasta, use))
    findings.warnings.extend(f"query_data {warning}" for warning in fasta.warnings if not faults)
    return fasta


def _sizing_faults(sizing: SizingFields, settings: Settings) -> Iterator[Fault]:
    """Yield the faults of the machine and memory that a search would get."""
    sizes = _sizing(sizing, settings)
    for name, message in sizing_faults(
        sizes.machine_type, sizes.num_cpus, sizes.mem_request, sizes.mem_limit, settings.machines
    ):
        yield Fault(name, message)


def _placement(placement: PlacementFields, settings: Settings) -> Placement:
    return Placement(
        storage_account=settings.storage_account,
        cluster_name=placement.cluster_name or settings.cluster_name,
        resource_group=settings.resource_group,
        region=settings.region,
        subscription_id=settings.subscription_id,
        acr_name=settings.acr_name,
        acr_resource_group=settings.acr_resource_group,
    )


def _sizing(sizing: SizingFields, settings: Settings) -> Sizing:
    return Sizing(
        machine_type=sizing.machine_type or settings.machine_type,
        num_nodes=sizing.num_nodes or settings.num_nodes,
        num_cpus=settings.num_cpus,
        mem_request=sizing.mem_request or settings.mem_request,
        mem_limit=sizing.mem_limit or settings.mem_limit,
        batch_len=sizing.batch_len or settings.batch_len,
        db_partitions=sizing.db_partitions,
        db_partition_prefix=sizing.db_partition_prefix,
    )


def _fingerprint(*parts: BaseModel) -> str:
    values = [part.model_dump(mode="json", exclude_defaults=True) for part in parts]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
