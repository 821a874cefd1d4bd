"""The fault matrix: each row a failure that was seen in the field, and the end it must come to."""

from dataclasses import dataclass
from itertools import product

from local.elastic_blast.behaviours import JobTrouble, Trouble
from shared.contracts.states import Phase
from tests.faults.faults import Fault, How, Where


@dataclass(frozen=True)
class Row:
    """One job in trouble. Faults and troubles are for this job alone, unless they are `wide`."""

    failure: int
    """Its number among the failures seen in the field."""
    says: str
    end: Phase = Phase.COMPLETED
    code: str | None = None
    """The job's error code at its end."""
    faults: tuple[Fault, ...] = ()
    """Of the way; each of them has to meet a request."""
    troubles: tuple[Trouble, ...] = ()
    """Of elastic-blast and of its Jobs."""
    twice: bool = False
    """The request is sent twice."""
    cancel_in: Phase | None = None
    restart_in: Phase | None = None
    lifted_by: str = ""
    """The event that the faults are withdrawn after."""
    wide: bool = False
    must: tuple[str, ...] = ()
    """Events that its history has."""
    must_not: tuple[str, ...] = ()
    submissions: int = 1
    """How often elastic-blast was run."""
    quick: bool = False
    """`make test` has it too."""

    def __str__(self) -> str:
        return f"{self.failure}: {self.says}"


RETRIED = ("retry_scheduled",)
SUBMIT = Where("sidecar", "PUT", "operations")
LOOK = Where("sidecar", "GET", "operations")
STOP = Where("sidecar", "DELETE", "operations")
LIST = Where("cluster", "GET", "/jobs$")
DELETE = Where("cluster", "DELETE", "/jobs$")
START = Where("durable", "POST", "orchestrators")
HANGS = (Trouble(jobs=JobTrouble(hang=True)),)
AFTER_JOBS = Trouble(call=1, after_jobs=True)


def said(how: How, where: Where, **more: object) -> tuple[Fault, ...]:
    """One fault."""
    return (Fault(how, where, **more),)  # type: ignore[arg-type]


def status(code: int, where: Where, times: int | None = 1, body: bytes = b"{}") -> Fault:
    """An answer with this status; 429 says when to come again."""
    headers = (("Retry-After", "1"),) if code == 429 else ()
    return Fault(How.STATUS, where, times=times, status=code, headers=headers, body=body)


def answered(category: str, message: str = "", **more: object) -> Trouble:
    """What elastic-blast says in JSON of a submission that failed at its first call."""
    answer = {"category": category, "message": message, **more}
    return Trouble(call=1, answer=answer, exit_code=8)


SUBMISSION = [
    Row(1, "the same request arrives twice", twice=True, quick=True),
    Row(
        3,
        "elastic-blast dies after its Jobs were made",
        troubles=(Trouble(call=1, after_jobs=True, crash=True),),
        must=RETRIED,
    ),
    Row(
        3,
        "the answer to the submission is lost",
        faults=said(How.RESET_AFTER, SUBMIT),
        must=RETRIED,
    ),
    Row(3, "the submission is cut off", faults=said(How.RESET_BEFORE, SUBMIT), must=RETRIED),
    Row(3, "the answer to the submission is cut", faults=said(How.TRUNCATE, SUBMIT), must=RETRIED),
    Row(
        3, "the answer to the submission is rubbish", faults=said(How.CORRUPT, SUBMIT), must=RETRIED
    ),
    Row(3, "the look at the submission is lost", faults=said(How.RESET_AFTER, LOOK, nth=2)),
    Row(3, "the host dies while it submits", restart_in=Phase.SUBMITTING),
    Row(
        4,
        "exit code 0 without JSON, and nothing runs",
        troubles=(Trouble(call=1, exit_code=0),),
        must=RETRIED,
        submissions=2,
    ),
    Row(
        4,
        "exit code 0 without JSON, and all runs",
        troubles=(Trouble(output="none"),),
        must=RETRIED,
    ),
    Row(
        5,
        "the time of the submission is over while its Jobs run",
        troubles=(Trouble(call=1, after_jobs=True, exit_code=124),),
        must=RETRIED,
        quick=True,
    ),
    Row(
        7,
        "a missing database that is called transient",
        Phase.DATABASE_UNAVAILABLE,
        "database_unavailable",
        troubles=(answered("transient", "BLAST database x was not found"),),
        must_not=RETRIED,
    ),
    *(
        Row(
            7,
            f"retry_after_seconds is {wish!r}",
            troubles=(answered("transient", retry_after_seconds=wish),),
            must=RETRIED,
            submissions=2,
        )
        for wish in (0, -1, "soon", None, [1])
    ),
    Row(
        7,
        "retry_after_seconds is a million",
        Phase.CANCELLED,
        troubles=(answered("transient", retry_after_seconds=1_000_000),),
        cancel_in=Phase.RETRYING,
        must=RETRIED,
    ),
    *(
        Row(8, f"the output is {output}", troubles=(Trouble(output=output),))
        for output in ("decoys", "coloured")
    ),
    Row(8, "the output is cut", troubles=(Trouble(output="cut"),), must=RETRIED),
    Row(
        10,
        "there is no capacity for longer than other troubles may last",
        troubles=tuple(
            Trouble(call=n, answer={"category": "capacity"}, exit_code=10) for n in range(1, 9)
        ),
        must=RETRIED,
        submissions=9,
    ),
    Row(
        11,
        "the answer to the writing of the config is lost",
        faults=said(How.RESET_AFTER, Where("blob", "PUT", r"\.ini$")),
        must_not=RETRIED,
    ),
    Row(13, "the orchestration does not start", faults=(status(500, START),)),
    Row(13, "the start is cut off", faults=said(How.RESET_BEFORE, START)),
    Row(13, "the answer to the start is lost", faults=said(How.RESET_AFTER, START), quick=True),
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
        Row(4, f"exit code {n} alone", *end, troubles=(Trouble(exit_code=n),), must_not=RETRIED)
        for n, end in _EXIT_CODES.items()
    ),
    *(
        Row(
            4,
            f"exit code {n} alone, once",
            troubles=(Trouble(call=1, exit_code=n),),
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
            f"the sidecar answers {code} for good",
            Phase.SUBMIT_FAILED,
            f"sidecar_{code}",
            faults=(status(code, SUBMIT, None),),
            must_not=RETRIED,
            submissions=0,
            quick=code == 413,
        )
        for code in (400, 401, 403, 404, 409, 413)
    ),
    Row(
        6,
        "the sidecar's token was rotated: 401 once",
        faults=(status(401, SUBMIT),),
        must_not=RETRIED,
    ),
    *(
        Row(6, f"the sidecar answers {code} once", faults=(status(code, SUBMIT),), must=RETRIED)
        for code in (429, 500, 503)
    ),
    *(
        Row(
            6,
            f"the sidecar answers {code} for ever",
            Phase.SUBMIT_FAILED,
            f"sidecar_{code}",
            faults=(status(code, SUBMIT, None),),
            must=RETRIED,
            submissions=0,
        )
        for code in (429, 500, 503)
    ),
    Row(
        6,
        "the sidecar has no elastic-blast",
        Phase.SUBMIT_FAILED,
        "command_missing",
        faults=(status(500, SUBMIT, None, b'{"error":"exec failed","detail":"not found"}'),),
        must_not=RETRIED,
        submissions=0,
    ),
    Row(
        6,
        "nobody listens where the sidecar was",
        faults=said(How.REFUSE, Where("sidecar")),
        lifted_by="retry_scheduled",
        wide=True,
        must=RETRIED,
    ),
    Row(5, "the sidecar never answers a look", faults=said(How.BLACK_HOLE, LOOK, nth=2)),
]

STORED = ("accepted", "configured", "submitted", "exporting_results", "completed")
WRITES = {
    "the query": Where("blob", "PUT", r"\.fa$"),
    "the config": Where("blob", "PUT", r"\.ini$"),
    "the manifest": Where("blob", "PUT", "manifest"),
    "the active row": Where("table", "PUT", "active"),
    "the owner's row": Where("table", "PUT", "owner"),
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

WATCHING = [
    Row(24, "two attempts of a batch fail", troubles=(Trouble(jobs=JobTrouble(fail_attempts=2)),)),
    Row(
        24,
        "all attempts of a batch fail",
        Phase.SEARCH_FAILED,
        "search_failed",
        troubles=(Trouble(jobs=JobTrouble(fail_attempts=9)),),
    ),
    Row(25, "Jobs vanish with their end", troubles=(Trouble(jobs=JobTrouble(ttl_seconds=0)),)),
    Row(
        26,
        "there is a SUCCESS marker, and no result",
        Phase.RESULTS_MISSING,
        "results_missing",
        troubles=(Trouble(jobs=JobTrouble(lose_results=True, markers=("SUCCESS",))),),
        must=("results_pending",),
    ),
    Row(
        26,
        "both markers are there",
        Phase.SEARCH_FAILED,
        "search_failed",
        troubles=(Trouble(jobs=JobTrouble(markers=("SUCCESS", "FAILURE"))),),
    ),
    *(
        Row(
            28 if code == 401 else 27,
            f"a list of Jobs is answered {code} in mid-run",
            faults=(Fault(How.STATUS, LIST, nth=2, status=code),),
            must=("cannot_look",),
        )
        for code in (401, 403, 410, 429, 500, 503)
    ),
    *(
        Row(27, f"a list of Jobs is {how} in mid-run", faults=said(how, LIST, nth=2))
        for how in (How.TRUNCATE, How.CORRUPT)
    ),
    *(
        Row(
            27,
            f"the first list of Jobs is answered {code}",
            faults=(status(code, LIST),),
            must=RETRIED,
        )
        for code in (401, 410, 429, 500)
    ),
    Row(
        28,
        "a kept connection to the cluster is dropped",
        faults=said(How.RESET_BEFORE, LIST, nth=2),
    ),
    Row(
        28,
        "the cluster is a black hole for one look",
        faults=said(How.BLACK_HOLE, LIST, nth=2),
        must=("cannot_look",),
    ),
    Row(
        29,
        "the cluster is away in mid-run and comes back",
        faults=said(How.REFUSE, Where("cluster")),
        troubles=(Trouble(jobs=JobTrouble(seconds=1)),),
        lifted_by="cannot_look",
        wide=True,
    ),
    Row(
        30,
        "a pod stays pending, and the search is cancelled",
        Phase.CANCELLED,
        troubles=(Trouble(jobs=JobTrouble(pending="ImagePullBackOff")),),
        cancel_in=Phase.RUNNING,
    ),
]

_NEVER = Trouble(answer={"category": "capacity"}, exit_code=10)

CANCELLING = [
    *(
        Row(33, f"cancelled while {phase}", Phase.CANCELLED, troubles=troubles, cancel_in=phase)
        for phase, troubles in {
            Phase.QUEUED: HANGS,
            Phase.SUBMITTING: (Trouble(hang_seconds=600),),
            Phase.RETRYING: (
                Trouble(call=1, answer={"category": "conflict", "retry_after_seconds": 600}),
            ),
            Phase.WAITING_FOR_CAPACITY: (_NEVER,),
            Phase.RUNNING: HANGS,
        }.items()
    ),
    Row(
        33,
        "cancelled while running, and the host dies",
        Phase.CANCELLED,
        troubles=HANGS,
        cancel_in=Phase.RUNNING,
        restart_in=Phase.CANCELLING,
    ),
    *(
        Row(
            34,
            f"the deletion is answered {code}",
            Phase.CANCELLED,
            faults=(status(code, DELETE, 2),),
            troubles=HANGS,
            cancel_in=Phase.RUNNING,
            must=("still_there",),
            quick=code == 500,
        )
        for code in (401, 409, 429, 500)
    ),
    *(
        Row(
            34,
            f"the deletion is {how}",
            Phase.CANCELLED,
            faults=said(how, DELETE),
            troubles=HANGS,
            cancel_in=Phase.RUNNING,
        )
        for how in (How.RESET_BEFORE, How.RESET_AFTER, How.TRUNCATE)
    ),
    *(
        Row(
            34,
            f"the stop of the submission is answered {code}",
            Phase.CANCELLED,
            faults=(status(code, STOP, 2),),
            troubles=HANGS,
            cancel_in=Phase.RUNNING,
            must=("still_there",),
        )
        for code in (429, 500, 503)
    ),
    Row(
        35,
        "what is to be deleted is gone already",
        Phase.CANCELLED,
        faults=(status(404, DELETE),),
        troubles=HANGS,
        cancel_in=Phase.RUNNING,
    ),
    Row(
        35,
        "the sidecar does not know the submission any more",
        Phase.CANCELLED,
        faults=(status(404, STOP),),
        troubles=HANGS,
        cancel_in=Phase.RUNNING,
        must_not=("still_there",),
    ),
]

MATRIX = [*SUBMISSION, *EXIT_CODES, *SIDECAR, *STORAGE, *WATCHING, *CANCELLING]

COVERED_BY = {
    2: ("test_failure_2_the_same_key_with_another_request_is_a_conflict",),
    12: ("test_failure_12_what_could_lead_elsewhere_is_refused",),
    16: ("test_failure_16_two_writers_lose_nothing", "test_failure_16_a_late_event_moves_no_end"),
    17: ("test_r4_a_phase_that_runs_clears_what_was_wrong",),
    19: ("test_failure_19_a_sentence_that_is_too_long_is_cut",),
    20: ("test_failure_20_a_list_shows_the_newest_first_and_only_the_owners",),
    21: ("test_failure_16_two_writers_lose_nothing",),
    22: ("test_failure_22_no_secret_and_no_sequence_lies_where_it_does_not_belong",),
    23: ("test_r5_two_searches_at_once_see_only_their_own_jobs",),
    32: ("test_failure_32_a_long_job_continues_as_new",),
}
"""Tests of failures for which a row of this matrix would show nothing, or not enough."""

NOT_YET = {
    9: "the submit slot",
    14: "batches",
    31: "a deadline in mid-run",
    36: "the queue",
    37: "clocks that disagree",
}
"""Failures whose guard is not there yet, or is not shown yet, by what is missing."""
