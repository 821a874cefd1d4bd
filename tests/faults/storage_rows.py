"""Rows of the fault matrix: each storage write with each kind of fault."""

from itertools import product

from tests.faults.faults import Fault, FaultKind, RequestFilter
from tests.faults.rows import Row, status

STORED = ("accepted", "config_written", "submitted", "exporting_results", "completed")
WRITES = {
    "the query": RequestFilter("blob", "PUT", r"\.fa$"),
    "the config": RequestFilter("blob", "PUT", r"\.ini$"),
    "the manifest": RequestFilter("blob", "PUT", "manifest"),
    "the active row": RequestFilter("table", "PUT", "active"),
    "the owner's row": RequestFilter("table", "POST", "blastindex"),
    "the owner's row once more": RequestFilter("table", "PUT", "owner"),
    "the end of the active row": RequestFilter("table", "DELETE", "active"),
    **{f"the event {event}": RequestFilter("table", "POST", f"batch {event}") for event in STORED},
}
FAULTS = {
    "answered 500": lambda where: status(500, where, 3),
    "answered 503": lambda where: status(503, where, 3),
    "answered 429": lambda where: status(429, where, 3),
    "reset before": lambda where: Fault(FaultKind.RESET_BEFORE, where, times=3),
    "reset after": lambda where: Fault(FaultKind.RESET_AFTER, where, times=3),
    "truncated in its response": lambda where: Fault(FaultKind.TRUNCATE, where, times=3),
}
"""Each lasts for the three tries of a call, so that the app meets it, too."""

STORAGE = [
    Row(
        18 if way == "reset after" else 15,
        f"the writing of {what} is {way}",
        faults=(make(where),),
        quick=(what, way) == ("the event submitted", "reset after"),
    )
    for (what, where), (way, make) in product(WRITES.items(), FAULTS.items())
]
