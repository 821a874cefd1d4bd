"""Rows of the fault matrix: from the request to the search's Jobs."""

from local.elastic_blast.fault_rules import FaultRule
from shared.contracts.states import Phase
from tests.faults.faults import FaultKind, RequestFilter
from tests.faults.rows import (
    LOOK,
    RETRIED,
    START,
    SUBMIT,
    Row,
    answered,
    refused,
    single_fault,
    status,
)

SUBMISSION = [
    Row(1, "the same request arrives twice", twice=True, quick=True),
    Row(
        3,
        "elastic-blast crashes after creating its Jobs",
        rules=(FaultRule(call=1, after_jobs=True, crash=True),),
        must=RETRIED,
    ),
    Row(
        3,
        "the response to the submission is lost",
        faults=single_fault(FaultKind.RESET_AFTER, SUBMIT),
        must=RETRIED,
    ),
    Row(
        3,
        "the submission's connection is reset",
        faults=single_fault(FaultKind.RESET_BEFORE, SUBMIT),
        must=RETRIED,
    ),
    Row(
        3,
        "the response to the submission is truncated",
        faults=single_fault(FaultKind.TRUNCATE, SUBMIT),
        must=RETRIED,
    ),
    Row(
        3,
        "the response to the submission is corrupted",
        faults=single_fault(FaultKind.CORRUPT, SUBMIT),
        must=RETRIED,
    ),
    Row(
        3,
        "the response to a poll of the submission is lost",
        rules=(FaultRule(hang_seconds=7),),  # longer than one poll waits
        faults=single_fault(FaultKind.RESET_AFTER, LOOK, nth=2),
    ),
    Row(3, "the host is killed during the submission", restart_in=Phase.SUBMITTING),
    Row(
        4,
        "exit code 0 without JSON, and nothing runs",
        rules=(FaultRule(call=1, exit_code=0),),
        must=RETRIED,
        submissions=2,
    ),
    Row(
        4,
        "exit code 0 without JSON, and all runs",
        rules=(FaultRule(output="none"),),
        must=RETRIED,
    ),
    Row(
        5,
        "the submission times out while its Jobs run",
        rules=(FaultRule(call=1, after_jobs=True, exit_code=124),),
        must=RETRIED,
        quick=True,
    ),
    Row(
        7,
        "a missing database reported as transient",
        Phase.DATABASE_UNAVAILABLE,
        "database_unavailable",
        rules=(answered("transient", "BLAST database x was not found"),),
        must_not=RETRIED,
    ),
    *(
        Row(
            7,
            f"retry_after_seconds is {hint!r}",
            rules=(answered("transient", retry_after_seconds=hint),),
            must=RETRIED,
            submissions=2,
        )
        for hint in (0, -1, "soon", None, [1])
    ),
    Row(
        7,
        "retry_after_seconds is a million",
        Phase.CANCELLED,
        rules=(answered("transient", retry_after_seconds=1_000_000),),
        cancel_in=Phase.RETRYING,
        must=RETRIED,
    ),
    *(
        Row(8, f"the output is {output}", rules=(FaultRule(output=output),))
        for output in ("decoys", "coloured")
    ),
    Row(8, "the output is truncated", rules=(FaultRule(output="cut"),), must=RETRIED),
    Row(
        10,
        "capacity is missing for more retries than other categories allow",
        rules=tuple(
            FaultRule(call=n, answer={"category": "capacity"}, exit_code=10) for n in range(1, 9)
        ),
        must=RETRIED,
        submissions=9,
    ),
    Row(
        11,
        "the response to the config's upload is lost",
        faults=single_fault(FaultKind.RESET_AFTER, RequestFilter("blob", "PUT", r"\.ini$")),
        must_not=RETRIED,
    ),
    Row(13, "the orchestration does not start", faults=(status(500, START),)),
    Row(13, "the start's connection is reset", faults=single_fault(FaultKind.RESET_BEFORE, START)),
    Row(
        13,
        "the response to the start is lost",
        faults=single_fault(FaultKind.RESET_AFTER, START),
        quick=True,
    ),
]

_EXIT_CODES = {
    1: (Phase.CONFIG_INVALID, "config_invalid"),
    2: (Phase.DATABASE_UNAVAILABLE, "database_unavailable"),
    3: (Phase.SUBMIT_FAILED, "engine_error"),
    4: (Phase.SUBMIT_FAILED, "out_of_memory"),
    5: (Phase.SUBMIT_FAILED, "timeout"),
    6: (Phase.SUBMIT_FAILED, "permission_denied"),
    127: (Phase.SUBMIT_FAILED, "command_missing"),
}

EXIT_CODES = [
    *(
        Row(4, f"exit code {n} alone", *end, rules=(FaultRule(exit_code=n),), must_not=RETRIED)
        for n, end in _EXIT_CODES.items()
    ),
    *(
        Row(
            4,
            f"exit code {n} alone, once",
            rules=(FaultRule(call=1, exit_code=n),),
            must=RETRIED,
            submissions=2,
        )
        for n in (7, 8, 9, 10, 255)
    ),
]

SIDECAR = [
    *(
        Row(
            6,
            f"the sidecar answers {code} permanently",
            Phase.SUBMIT_FAILED,
            f"sidecar_{code}",
            faults=(refused(code, SUBMIT, None),),
            must_not=RETRIED,
            submissions=0,
            quick=code == 413,
        )
        for code in (400, 409, 413)
    ),
    *(
        Row(
            48,
            f"the sidecar's token is refused with {code} for a while",
            faults=(refused(code, SUBMIT, 12),),
            must=RETRIED,
        )
        for code in (401, 403)
    ),
    *(
        Row(
            46,
            f"something in front of the sidecar answers {code} for a while",
            faults=(status(code, SUBMIT, 2),),
            must=RETRIED,
        )
        for code in (301, 400, 404, 405, 410, 421, 501, 502, 503, 504, 520)
    ),
    *(
        Row(6, f"the sidecar answers {code} once", faults=(refused(code, SUBMIT),), must=RETRIED)
        for code in (412, 429, 500, 503)
    ),
    *(
        Row(
            6,
            f"the sidecar always answers {code}",
            Phase.SUBMIT_FAILED,
            f"sidecar_{code}",
            faults=(refused(code, SUBMIT, None),),
            must=RETRIED,
            submissions=0,
        )
        for code in (412, 429, 500, 503)
    ),
    Row(
        6,
        "the sidecar has no elastic-blast",
        Phase.SUBMIT_FAILED,
        "command_missing",
        faults=(refused(500, SUBMIT, None, b'{"error":"exec failed","detail":"not found"}'),),
        must_not=RETRIED,
        submissions=0,
    ),
    Row(
        6,
        "the sidecar's port is closed",
        faults=single_fault(FaultKind.REFUSE, RequestFilter("sidecar")),
        removed_after="retry_scheduled",
        all_jobs=True,
        must=RETRIED,
    ),
    Row(5, "the sidecar never answers a poll", faults=single_fault(FaultKind.BLACK_HOLE, LOOK)),
]
