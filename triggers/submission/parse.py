"""Parsing of a submission's body: one search, or a batch of searches."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.contracts.search import Search, SearchSpec
from shared.errors import Fault, Invalid, TooLarge
from shared.settings import Settings
from triggers.submission.field_aliases import (
    QUERY,
    REQUEST_LEVEL_NAMES,
    flatten,
    to_canonical_names,
    unknown_name_warnings,
)
from triggers.submission.field_groups import (
    PlacementFields,
    RequestFields,
    TitleFields,
)
from triggers.submission.json_body import MAX_FAULTS
from triggers.submission.query_checks import MAX_QUERY_BYTES
from triggers.submission.search_fields import (
    Fields,
    Findings,
    read_part,
    read_placement,
    read_search,
)

SEARCHES = "searches"
MAX_SEARCHES = 10_000
MAX_WARNINGS = 100
"""Warnings in one response."""


@dataclass(frozen=True)
class Submission:
    """A parsed request; its query is text, or a blob that `search.query_url` names."""

    search: Search
    """For a batch: the values that its searches have in common."""
    query_text: str | None
    idempotency_key: str | None
    correlation_id: str | None
    request_id: str | None
    """The sender's id of this request; responses and messages repeat it."""
    fingerprint: str
    """SHA-256 of the fields under their canonical names, without the idempotency key."""
    warnings: tuple[str, ...]
    searches: tuple[SearchSpec, ...] = ()
    """The searches of a batch; empty for a single search."""

    @property
    def is_batch(self) -> bool:
        return bool(self.searches)


@dataclass(frozen=True)
class ParseResult:
    """The result of parsing a body."""

    submission: Submission | None
    """None if a required field is missing or invalid. Can be present although there are faults."""
    faults: tuple[Fault, ...]


def parse(body: Mapping[str, Any], settings: Settings) -> Submission:
    """Parse a body into a Submission. Raises Invalid with all faults, or TooLarge."""
    result = parse_with_faults(body, settings)
    if result.faults or result.submission is None:
        raise Invalid(result.faults)
    return result.submission


def parse_with_faults(body: Mapping[str, Any], settings: Settings) -> ParseResult:
    """Parse a body and return its faults instead of raising them.

    Submissions and pre-flights both use this function, so that they refuse the same. Raises
    TooLarge.
    """
    findings = Findings()
    fields = flatten(body, findings.faults)
    items = fields.pop(SEARCHES, None)
    placement = read_placement(fields, settings, findings)
    request = read_part(RequestFields, fields, findings.faults)
    if items is None:
        submission = _single(fields, placement, request, settings, findings)
    else:
        shared_fields = to_canonical_names(fields)
        submission = _batch(shared_fields, items, placement, request, settings, findings)
    return ParseResult(submission, tuple(bounded(list(dict.fromkeys(findings.faults)))))


def _single(
    fields: Fields,
    placement: PlacementFields | None,
    request: RequestFields | None,
    settings: Settings,
    findings: Findings,
) -> Submission | None:
    spec = read_search(fields, placement, settings, findings)
    if not (spec and request):
        return None
    return Submission(
        search=spec.search,
        query_text=spec.query_text,
        idempotency_key=request.idempotency_key,
        correlation_id=request.external_correlation_id,
        request_id=request.request_id,
        fingerprint=spec.fingerprint,
        warnings=_warnings(unknown_name_warnings(fields), findings),
    )


def _batch(
    shared_fields: Fields,
    items: object,
    placement: PlacementFields | None,
    request: RequestFields | None,
    settings: Settings,
    findings: Findings,
) -> Submission | None:
    """Parse a batch; the fields of each item override the fields beside `searches`."""
    title = read_part(TitleFields, shared_fields, findings.faults)
    item_fields = _item_fields(items, findings.faults)
    _check_query_size(shared_fields, item_fields)
    specs = [
        _item(shared_fields, number, fields, placement, settings, findings)
        for number, fields in enumerate(item_fields)
    ]
    searches = [spec for spec in specs if spec]
    if not (title and request and searches) or len(searches) < len(specs):
        return None
    names = {*shared_fields, *(name for fields in item_fields for name in fields)}
    return Submission(
        search=replace(common_search(searches), title=title.job_title),
        query_text=None,
        idempotency_key=request.idempotency_key,
        correlation_id=request.external_correlation_id,
        request_id=request.request_id,
        fingerprint=_fingerprint(searches),
        warnings=_warnings(unknown_name_warnings(names), findings),
        searches=tuple(searches),
    )


def _item_fields(items: object, faults: list[Fault]) -> list[Fields]:
    """Return the fields of each item by canonical names; an invalid item has none."""
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_SEARCHES:
        faults.append(Fault(SEARCHES, f"must be a list of 1 to {MAX_SEARCHES:,} searches"))
        return []
    invalid = [number for number, item in enumerate(items) if not isinstance(item, dict)]
    faults += [Fault(f"{SEARCHES}.{number}", "must be an object") for number in invalid]
    return [
        to_canonical_names(
            flatten(item if isinstance(item, dict) else {}, faults, f"{SEARCHES}.{number}.")
        )
        for number, item in enumerate(items)
    ]


def _item(
    shared_fields: Fields,
    number: int,
    fields: Fields,
    placement: PlacementFields | None,
    settings: Settings,
    findings: Findings,
) -> SearchSpec | None:
    """Parse an item of a batch.

    The path of a fault is in the item, except for a field that only stands beside `searches`:
    its faults are the same for all items and are reported once.
    """
    item_findings = Findings(
        [
            Fault(name, f"applies to all searches: move it beside `{SEARCHES}`")
            for name in fields
            if name in REQUEST_LEVEL_NAMES or name == SEARCHES
        ],
        findings.warnings,
    )
    spec = read_search(_override(shared_fields, fields), placement, settings, item_findings)
    for fault in item_findings.faults:
        name = fault.path.split(".")[0]
        is_shared = name in shared_fields and name not in fields
        findings.faults.append(
            fault if is_shared else replace(fault, path=f"{SEARCHES}.{number}.{fault.path}")
        )
    return spec


def _override(shared_fields: Fields, fields: Fields) -> Fields:
    """Override shared fields with an item's; an item's query replaces every shared query field."""
    if any(name in fields for name in QUERY):
        shared_fields = {name: v for name, v in shared_fields.items() if name not in QUERY}
    return {**shared_fields, **fields}


def _check_query_size(shared_fields: Fields, item_fields: Sequence[Fields]) -> None:
    """Raise TooLarge if the queries are too large; a shared query counts once per search."""
    texts = (_override(shared_fields, fields).get("query_data") for fields in item_fields)
    # Text that UTF-8 cannot encode is reported later, as a fault of its field.
    size = sum(len(text.encode(errors="replace")) for text in texts if isinstance(text, str))
    if size > MAX_QUERY_BYTES:
        message = (
            f"the queries of the batch have {size:,} bytes, the limit is {MAX_QUERY_BYTES:,}:"
            " upload them and name them as query_blob_url"
        )
        raise TooLarge("query_too_large", message)


def bounded(faults: Sequence[Fault]) -> list[Fault]:
    """Return the first MAX_FAULTS faults, and one that says how many were left out."""
    omitted = len(faults) - MAX_FAULTS
    if omitted <= 0:
        return list(faults)
    rest = Fault(SEARCHES, f"{omitted:,} more faults are not shown", faults[-1].code)
    return [*faults[:MAX_FAULTS], rest]


def _warnings(unknown_names: Sequence[str], findings: Findings) -> tuple[str, ...]:
    """Join the warnings about unknown names and unused values, without duplicates."""
    return tuple(dict.fromkeys([*unknown_names, *findings.warnings]))[:MAX_WARNINGS]


def common_search(searches: Sequence[SearchSpec]) -> Search:
    """Return the search that represents a batch in lists: the values that all searches share."""
    first = searches[0].search
    databases = {spec.search.database for spec in searches}
    options = {spec.search.options for spec in searches}
    return replace(
        first,
        database=first.database if len(databases) == 1 else f"{len(databases)} databases",
        options=first.options if len(options) == 1 else "",
    )


def _fingerprint(searches: Sequence[SearchSpec]) -> str:
    parts = [SEARCHES, *(spec.fingerprint for spec in searches)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
