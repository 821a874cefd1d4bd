"""The body of a submission, checked as a whole: one search, or several at once."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.contracts.search import Search, SearchSpec
from shared.errors import Fault, Invalid, TooLarge
from shared.settings import Settings
from triggers.submission.field_aliases import OF_THE_REQUEST, QUERY, first_names, flat, unknown
from triggers.submission.search_fields import (
    LARGEST_QUERY,
    Fields,
    Findings,
    PlacementFields,
    RequestFields,
    TitleFields,
    read_part,
    read_placement,
    read_search,
)

SEARCHES = "searches"
MOST_SEARCHES = 10_000
MOST_FAULTS = 100
"""Faults of a batch that are told; a client shows a person no more."""
MOST_WARNINGS = 100
"""The same, of warnings."""


@dataclass(frozen=True)
class Submission:
    """A request that may be accepted. Its query is text, or lies in Blob already."""

    search: Search
    """Of a batch: what its searches have in common."""
    query_text: str | None
    idempotency_key: str | None
    correlation_id: str | None
    request_id: str | None
    """The sender's own name for this message, for its answers."""
    fingerprint: str
    """SHA-256 of what the caller said, whatever the names used; the key is not part of it."""
    warnings: tuple[str, ...]
    searches: tuple[SearchSpec, ...] = ()
    """Those of a batch; none for a single search."""


@dataclass(frozen=True)
class Examined:
    """What the check of a body found."""

    submission: Submission | None
    """None where something that is needed is missing or wrong. It may stand beside faults."""
    faults: tuple[Fault, ...]


def parse(body: Mapping[str, Any], settings: Settings) -> Submission:
    """The submission in a body. Raises Invalid with all faults, or TooLarge."""
    found = examine(body, settings)
    if found.faults or found.submission is None:
        raise Invalid(found.faults)
    return found.submission


def examine(body: Mapping[str, Any], settings: Settings) -> Examined:
    """The check of a body, of which submissions and pre-flights are made alike.

    Raises TooLarge.
    """
    findings = Findings()
    fields = flat(body, findings.faults)
    several = fields.pop(SEARCHES, None)
    where = read_placement(fields, settings, findings)
    call = read_part(RequestFields, fields, findings.faults)
    if several is None:
        submission = _single(fields, where, call, settings, findings)
    else:
        submission = _batch(first_names(fields), several, where, call, settings, findings)
    return Examined(submission, tuple(bounded(list(dict.fromkeys(findings.faults)))))


def _single(
    fields: Fields,
    where: PlacementFields | None,
    call: RequestFields | None,
    settings: Settings,
    findings: Findings,
) -> Submission | None:
    """The submission of one search."""
    spec = read_search(fields, where, settings, findings)
    if not (spec and call):
        return None
    return Submission(
        search=spec.search,
        query_text=spec.query_text,
        idempotency_key=call.idempotency_key,
        correlation_id=call.external_correlation_id,
        request_id=call.request_id,
        fingerprint=spec.fingerprint,
        warnings=_warnings(unknown(fields), findings),
    )


def _batch(
    top: Fields,
    several: object,
    where: PlacementFields | None,
    call: RequestFields | None,
    settings: Settings,
    findings: Findings,
) -> Submission | None:
    """The submission of several searches, each of which is laid over what stands at the top."""
    title = read_part(TitleFields, top, findings.faults)
    items = _items(several, findings.faults)
    _measure(top, items)
    found = [_one(top, n, item, where, settings, findings) for n, item in enumerate(items)]
    searches = [spec for spec in found if spec]
    if not (title and call and searches) or len(searches) < len(found):
        return None
    return Submission(
        search=replace(_common(searches), title=title.job_title),
        query_text=None,
        idempotency_key=call.idempotency_key,
        correlation_id=call.external_correlation_id,
        request_id=call.request_id,
        fingerprint=_fingerprint(searches),
        warnings=_warnings(unknown({*top, *(name for item in items for name in item)}), findings),
        searches=tuple(searches),
    )


def _items(several: object, faults: list[Fault]) -> list[Fields]:
    """What each search says of itself, by first names."""
    if not isinstance(several, list) or not 1 <= len(several) <= MOST_SEARCHES:
        faults.append(Fault(SEARCHES, f"must be a list of 1 to {MOST_SEARCHES:,} searches"))
        return []
    wrong = [n for n, item in enumerate(several) if not isinstance(item, dict)]
    faults += [Fault(f"{SEARCHES}.{n}", "must be an object") for n in wrong]
    return [
        first_names(flat(item if isinstance(item, dict) else {}, faults, f"{SEARCHES}.{n}."))
        for n, item in enumerate(several)
    ]


def _one(
    top: Fields,
    number: int,
    own: Fields,
    where: PlacementFields | None,
    settings: Settings,
    findings: Findings,
) -> SearchSpec | None:
    """A search of a batch; a fault of what stands at the top alone is told there, and once."""
    found = Findings(
        [
            Fault(name, "is said once for all searches, beside them")
            for name in own
            if name in OF_THE_REQUEST or name == SEARCHES
        ],
        findings.warnings,
    )
    spec = read_search(_over(top, own), where, settings, found)
    for fault in found.faults:
        name = fault.path.split(".")[0]
        at_top = name in top and name not in own
        findings.faults.append(
            fault if at_top else replace(fault, path=f"{SEARCHES}.{number}.{fault.path}")
        )
    return spec


def _over(top: Fields, own: Fields) -> Fields:
    """A search's own fields over those at the top; its own query is its only one."""
    if any(name in own for name in QUERY):
        top = {name: value for name, value in top.items() if name not in QUERY}
    return {**top, **own}


def _measure(top: Fields, items: Sequence[Fields]) -> None:
    """Raises TooLarge. A query at the top counts for each search that it serves."""
    texts = (_over(top, own).get("query_data") for own in items)
    # What is no text in UTF-8 is refused later, by the name of its field.
    size = sum(len(text.encode(errors="replace")) for text in texts if isinstance(text, str))
    if size > LARGEST_QUERY:
        said = f"the queries of a request have at most {LARGEST_QUERY:,} bytes in all"
        raise TooLarge("query_too_large", said)


def bounded(faults: Sequence[Fault]) -> list[Fault]:
    """The first of them, and how many more there are."""
    more = len(faults) - MOST_FAULTS
    if more <= 0:
        return list(faults)
    rest = Fault(SEARCHES, f"{more:,} more faults are not shown", faults[-1].code)
    return [*faults[:MOST_FAULTS], rest]


def _warnings(unknown_names: Sequence[str], findings: Findings) -> tuple[str, ...]:
    """What was ignored: the names that nobody reads, then the values that were not used."""
    return tuple(dict.fromkeys([*unknown_names, *findings.warnings]))[:MOST_WARNINGS]


def _common(searches: Sequence[SearchSpec]) -> Search:
    """What a list shows of a batch; where the searches differ it says so, or nothing."""
    first = searches[0].search
    databases = {spec.search.database for spec in searches}
    options = {spec.search.options for spec in searches}
    return replace(
        first,
        database=first.database if len(databases) == 1 else f"{len(databases)} databases",
        options=first.options if len(options) == 1 else "",
    )


def _fingerprint(searches: Sequence[SearchSpec]) -> str:
    said = [SEARCHES, *(spec.fingerprint for spec in searches)]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()
