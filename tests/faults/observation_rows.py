"""Rows of the fault matrix: from the search's Jobs to the job's end or cancellation."""

from local.elastic_blast.fault_rules import FaultRule, JobFaultRule
from shared.contracts.states import Phase
from tests.faults.faults import Fault, FaultKind, RequestFilter
from tests.faults.rows import (
    DELETE,
    HANGS,
    LIST,
    RETRIED,
    STOP,
    SUBMIT_HANGS,
    Row,
    refused,
    refused_by_kubernetes,
    single_fault,
    status,
)
from tests.support.samples import WORDS

OBSERVATION_FAILED = ("observation_failed",)
"""The event of a failed observation that an immediate retry does not repair."""

WATCHING = [
    Row(
        24,
        "two attempts of a batch fail",
        rules=(FaultRule(jobs=JobFaultRule(fail_attempts=2)),),
    ),
    Row(
        24,
        "all attempts of a batch fail",
        Phase.SEARCH_FAILED,
        "search_failed",
        rules=(FaultRule(jobs=JobFaultRule(fail_attempts=9, stderr=WORDS)),),
    ),
    Row(25, "Jobs are deleted when they end", rules=(FaultRule(jobs=JobFaultRule(ttl_seconds=0)),)),
    Row(
        26,
        "there is a SUCCESS marker, and no result",
        Phase.RESULTS_MISSING,
        "results_missing",
        rules=(FaultRule(jobs=JobFaultRule(lose_results=True, markers=("SUCCESS",))),),
        must=("results_pending",),
    ),
    Row(
        26,
        "both markers are there",
        Phase.SEARCH_FAILED,
        "search_failed",
        rules=(FaultRule(jobs=JobFaultRule(markers=("SUCCESS", "FAILURE"))),),
    ),
    *(
        Row(
            28 if code == 401 else 27,
            f"a list of Jobs is answered {code} during the run",
            faults=(refused_by_kubernetes(code, LIST, nth=2),),
            must_not=OBSERVATION_FAILED,
            all_jobs=True,
        )
        for code in (401, 410)
    ),
    Row(
        27,
        "a list of Jobs is answered 410 by a proxy during the run",
        faults=(Fault(FaultKind.STATUS, LIST, nth=2, status=410),),
        must=OBSERVATION_FAILED,
        all_jobs=True,
    ),
    *(
        Row(
            27,
            f"a list of Jobs is answered {code} during the run",
            faults=(Fault(FaultKind.STATUS, LIST, nth=2, status=code),),
            must=OBSERVATION_FAILED,
            all_jobs=True,
        )
        for code in (403, 429, 500, 503)
    ),
    *(
        Row(
            27,
            f"a list of Jobs is {kind} during the run",
            faults=single_fault(kind, LIST, nth=2),
            must=OBSERVATION_FAILED,
            all_jobs=True,
        )
        for kind in (FaultKind.TRUNCATE, FaultKind.CORRUPT)
    ),
    *(
        Row(
            27,
            f"the first list of Jobs is answered {code}",
            faults=(refused_by_kubernetes(code, LIST),),
            must_not=RETRIED,
        )
        for code in (401, 410)
    ),
    *(
        Row(
            27,
            f"the first list of Jobs is answered {code}",
            faults=(status(code, LIST),),
            must=RETRIED,
        )
        for code in (429, 500)
    ),
    Row(
        28,
        "a kept connection to the cluster is dropped",
        faults=single_fault(FaultKind.RESET_BEFORE, LIST, nth=2),
        must_not=OBSERVATION_FAILED,
        all_jobs=True,
    ),
    Row(
        28,
        "the cluster does not answer one list request",
        faults=single_fault(FaultKind.BLACK_HOLE, LIST, nth=2),
        must=OBSERVATION_FAILED,
        all_jobs=True,
    ),
    Row(
        29,
        "the cluster is unavailable during the run and returns",
        faults=single_fault(FaultKind.REFUSE, RequestFilter("cluster")),
        faults_from=Phase.RUNNING,
        rules=(FaultRule(jobs=JobFaultRule(seconds=2)),),
        removed_after="observation_failed",
        all_jobs=True,
    ),
    Row(
        30,
        "a pod stays pending, and the search is cancelled",
        Phase.CANCELLED,
        rules=(FaultRule(jobs=JobFaultRule(pending="ImagePullBackOff")),),
        cancel_in=Phase.RUNNING,
    ),
]

_NEVER = FaultRule(answer={"category": "capacity"}, exit_code=10)

CANCELLING = [
    *(
        Row(
            33,
            f"cancelled while {phase}",
            Phase.CANCELLED,
            rules=rules,
            cancel_in=phase,
            submissions=None if phase in (Phase.QUEUED, Phase.SUBMITTING) else 1,
        )
        for phase, rules in {
            Phase.QUEUED: HANGS,
            Phase.SUBMITTING: (FaultRule(hang_seconds=600),),
            Phase.RETRYING: (
                FaultRule(call=1, answer={"category": "conflict", "retry_after_seconds": 600}),
            ),
            Phase.WAITING_FOR_CAPACITY: (_NEVER,),
            Phase.RUNNING: HANGS,
        }.items()
    ),
    Row(
        33,
        "cancelled while running, and the host is killed",
        Phase.CANCELLED,
        rules=HANGS,
        cancel_in=Phase.RUNNING,
        restart_in=Phase.CANCELLING,
    ),
    *(
        Row(
            34,
            f"the deletion is answered {code}",
            Phase.CANCELLED,
            faults=(status(code, DELETE, 2),),
            rules=HANGS,
            cancel_in=Phase.RUNNING,
            must=("cleanup_pending",),
            quick=code == 500,
        )
        for code in (401, 409, 429, 500)
    ),
    *(
        Row(
            34,
            f"the deletion is {kind}",
            Phase.CANCELLED,
            faults=single_fault(kind, DELETE),
            rules=HANGS,
            cancel_in=Phase.RUNNING,
        )
        for kind in (FaultKind.RESET_BEFORE, FaultKind.RESET_AFTER, FaultKind.TRUNCATE)
    ),
    *(
        Row(
            34,
            f"the stop of the submission is answered {code}",
            Phase.CANCELLED,
            faults=(refused(code, STOP, 2),),
            rules=SUBMIT_HANGS,
            cancel_after="submitting",
            must=("cleanup_pending",),
            submissions=None,
        )
        for code in (401, 429, 500, 503)
    ),
    Row(
        35,
        "the Jobs to delete are already gone",
        Phase.CANCELLED,
        faults=(status(404, DELETE),),
        rules=HANGS,
        cancel_in=Phase.RUNNING,
    ),
    *(
        Row(
            46,
            f"something else answers {code} to the stop of the submission",
            Phase.CANCELLED,
            faults=(status(code, STOP),),
            rules=SUBMIT_HANGS,
            cancel_after="submitting",
            must=("cleanup_pending",),
            submissions=None,
        )
        for code in (404, 405, 501)
    ),
]
