"""Rows of the fault matrix: each kind of write to storage, in each kind of trouble."""

from itertools import product

from tests.faults.faults import Fault, How, Where
from tests.faults.rows import Row, status

STORED = ("accepted", "config_written", "submitted", "exporting_results", "completed")
WRITES = {
    "the query": Where("blob", "PUT", r"\.fa$"),
    "the config": Where("blob", "PUT", r"\.ini$"),
    "the manifest": Where("blob", "PUT", "manifest"),
    "the active row": Where("table", "PUT", "active"),
    "the owner's row": Where("table", "POST", "blastindex"),
    "the owner's row once more": Where("table", "PUT", "owner"),
    "the end of the active row": Where("table", "DELETE", "active"),
    **{f"the event {event}": Where("table", "POST", f"batch {event}") for event in STORED},
}
WAYS = {
    "answered 500": lambda where: status(500, where, 3),
    "answered 503": lambda where: status(503, where, 3),
    "answered 429": lambda where: status(429, where, 3),
    "reset before": lambda where: Fault(How.RESET_BEFORE, where),
    "reset after": lambda where: Fault(How.RESET_AFTER, where),
    "cut in its answer": lambda where: Fault(How.TRUNCATE, where),
}

STORAGE = [
    Row(
        18 if way == "reset after" else 15,
        f"the writing of {what} is {way}",
        faults=(make(where),),
        quick=(what, way) == ("the event submitted", "reset after"),
    )
    for (what, where), (way, make) in product(WRITES.items(), WAYS.items())
]
