"""A stored search as a request that submits it again. Pure.

The dashboard fills its form from it. What its form has a field for is a field; all other options
are flags in `additional_options`, as it sends them itself.
"""

import math
from collections.abc import Mapping
from typing import Any

from shared.contracts.search import Program, Search
from shared.elastic_blast.allowed_options import OUTFMT, flags_of
from triggers.submission.blast_options import ADDITIONAL

_NUMBERS = {
    OUTFMT: "outfmt",
    "-evalue": "evalue",
    "-max_target_seqs": "max_target_seqs",
    "-word_size": "word_size",
    "-gapopen": "gap_open",
    "-gapextend": "gap_extend",
}
_TAXIDS = {"-taxids": True, "-negative_taxids": False}
"""The flags of `taxid`, and `is_inclusive` for each."""
_MASKING = {"yes": True, "no": False}


def payload(search: Search) -> dict[str, Any]:
    """Return the fields of a request that is this search again; it names the query by its path."""
    place, sizing = search.placement, search.sizing
    values = {
        "program": search.program.value,
        # As the dashboard names databases: it finds none in its list by another name.
        "db": path_below_account(search.database_url),
        "query_file": path_below_account(search.query_url),
        "query_label": search.query_label,
        "job_title": search.title,
        **_options(search.program, search.options),
        "aks_cluster_name": place.cluster_name,
        "resource_group": place.resource_group,
        "region": place.region,
        "subscription_id": place.subscription_id,
        "storage_account": place.storage_account,
        "acr_name": place.acr_name,
        "acr_resource_group": place.acr_resource_group,
        "machine_type": sizing.machine_type,
        "num_nodes": sizing.num_nodes,
        "mem_request": sizing.mem_request,
        "mem_limit": sizing.mem_limit,
        "batch_len": sizing.batch_len,
        "db_partitions": sizing.db_partitions or None,
        "db_partition_prefix": sizing.db_partition_prefix,
    }
    return {name: value for name, value in values.items() if value not in (None, "")}


def path_below_account(url: str) -> str:
    """The path below the storage account, which begins with the container."""
    return "/".join(url.split("/")[3:])


def _options(program: Program, options: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    others: list[str] = []
    for flag, value in flags_of(options).items():
        field = _field(program, flag, value)
        if field:
            fields |= field
        else:
            others.append(f"{flag} {value}".rstrip())
    return {**fields, ADDITIONAL: " ".join(others)}


def _field(program: Program, flag: str, value: str) -> Mapping[str, Any]:
    """The fields that a flag is in a request; empty if none can hold its value."""
    if flag in _NUMBERS and (number := _number(value)) is not None:
        return {_NUMBERS[flag]: number}
    if flag in _TAXIDS and _is_integer(value):
        return {"taxid": int(value), "is_inclusive": _TAXIDS[flag]}
    if flag == ("-dust" if program is Program.BLASTN else "-seg") and value in _MASKING:
        return {"low_complexity_filter": _MASKING[value]}
    return {}


def _is_integer(text: str) -> bool:
    """Whether all are ASCII digits: `int` refuses others, such as a superscript two."""
    return text.isascii() and text.isdecimal()


def _number(text: str) -> float | int | None:
    """The text as a number of JSON; None if it is none, such as a format with columns."""
    if _is_integer(text):
        return int(text)
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
