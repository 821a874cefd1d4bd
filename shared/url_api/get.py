"""CMD=Get: which form of which results."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from shared.errors import Fault
from shared.url_api.names import unusable

_COUNT = re.compile(r"[0-9]{1,9}")
USABLE = frozenset(
    {"RID", "FORMAT_OBJECT", "FORMAT_TYPE", "ALIGNMENTS", "DESCRIPTIONS", "ALIGNMENT_VIEW"}
    | {"SERVICE"}
)
_NOT_MADE = {
    "html": "a page for people: open /api/ui",
    "text": "BLAST+'s own formatter is not run here",
    "xml2": "BLAST+'s own formatter is not run here",
    "xml2_s": "BLAST+'s own formatter is not run here",
    "json2": "BLAST+'s own formatter is not run here",
    "json2_s": "BLAST+'s own formatter is not run here",
    "asn.1": "BLAST+'s own formatter is not run here",
}
"""By FORMAT_TYPE: why it is refused."""


class Format(StrEnum):
    """The formats that are made."""

    XML = "xml"
    TABULAR = "tabular"
    CSV = "csv"


@dataclass(frozen=True)
class GetRequest:
    """What a CMD=Get asks for."""

    rid: str
    is_search_info: bool
    format: Format
    most_subjects: int | None
    """Of each query; None for all that the search found."""


def read_get(parameters: Mapping[str, str]) -> tuple[GetRequest, list[Fault]]:
    """The request, and a fault for each parameter that cannot be honoured."""
    faults = [*unusable(parameters, USABLE, "Get")]
    words = {name: value.strip().lower() for name, value in parameters.items()}
    if "RID" not in parameters:
        faults.append(Fault("RID", "is required"))
    form = words.get("FORMAT_OBJECT", "alignment")
    if form not in ("alignment", "searchinfo"):
        faults.append(Fault("FORMAT_OBJECT", "must be Alignment or SearchInfo"))
    if words.get("SERVICE", "plain") not in ("plain", "megablast"):
        faults.append(Fault("SERVICE", "must be plain or megablast: no other service is offered"))
    chosen = words.get("FORMAT_TYPE", Format.XML)
    if form != "searchinfo" and chosen not in set(Format):
        reason = _NOT_MADE.get(chosen, "it is not known")
        faults.append(Fault("FORMAT_TYPE", f"must be XML, Tabular or CSV: {reason}"))
    view = words.get("ALIGNMENT_VIEW", "pairwise")
    if view != "pairwise" and not (view == "tabular" and chosen == Format.TABULAR):
        faults.append(Fault("ALIGNMENT_VIEW", "must be Pairwise: FORMAT_TYPE names the format"))
    limits = [_limit(name, words, faults) for name in ("ALIGNMENTS", "DESCRIPTIONS")]
    given = [limit for limit in limits if limit is not None]
    is_made = chosen in set(Format)
    request = GetRequest(
        rid=parameters.get("RID", "").strip(),
        is_search_info=form == "searchinfo",
        format=Format(chosen) if is_made else Format.XML,
        most_subjects=min(given) if given else None,
    )
    return request, faults


def merge_kept(kept: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """The parameters of a Get: its own, and those kept from Put that it does not name.

    A view that was kept belongs to the format that was kept with it.
    """
    dropped = {"ALIGNMENT_VIEW"} if "FORMAT_TYPE" in own else set[str]()
    return {**{name: value for name, value in kept.items() if name not in dropped}, **own}


def _limit(name: str, words: Mapping[str, str], faults: list[Fault]) -> int | None:
    text = words.get(name)
    if text is None:
        return None
    if not _COUNT.fullmatch(text):
        faults.append(Fault(name, "must be a number of subjects"))
        return None
    return int(text)
