"""Rows of the fault matrix: from the Jobs of the search to the end of the job, or its cancel."""

from local.elastic_blast.fault_rules import FaultRule, JobFaultRule
from shared.contracts.states import Phase
from tests.faults.faults import Fault, How, Where
from tests.faults.rows import (
    DELETE,
    HANGS,
    LIST,
    RETRIED,
    STOP,
    SUBMITS_FOR_EVER,
    Row,
    refused,
    said,
    status,
)
from tests.support.samples import WORDS

UNSEEN = ("observation_failed",)
"""The event of a look that failed, beyond what is made good at once: a list that all share."""

WATCHING = [
    Row(
        24,
        "two attempts of a batch fail",
        troubles=(FaultRule(jobs=JobFaultRule(fail_attempts=2)),),
    ),
    Row(
        24,
        "all attempts of a batch fail",
        Phase.SEARCH_FAILED,
        "search_failed",
        troubles=(FaultRule(jobs=JobFaultRule(fail_attempts=9, stderr=WORDS)),),
    ),
    Row(25, "Jobs vanish with their end", troubles=(FaultRule(jobs=JobFaultRule(ttl_seconds=0)),)),
    Row(
        26,
        "there is a SUCCESS marker, and no result",
        Phase.RESULTS_MISSING,
        "results_missing",
        troubles=(FaultRule(jobs=JobFaultRule(lose_results=True, markers=("SUCCESS",))),),
        must=("results_pending",),
    ),
    Row(
        26,
        "both markers are there",
        Phase.SEARCH_FAILED,
        "search_failed",
        troubles=(FaultRule(jobs=JobFaultRule(markers=("SUCCESS", "FAILURE"))),),
    ),
    *(
        Row(
            28 if code == 401 else 27,
            f"a list of Jobs is answered {code} in mid-run",
            faults=(Fault(How.STATUS, LIST, nth=2, status=code),),
            must_not=UNSEEN,
            wide=True,
        )
        for code in (401, 410)
    ),
    *(
        Row(
            27,
            f"a list of Jobs is answered {code} in mid-run",
            faults=(Fault(How.STATUS, LIST, nth=2, status=code),),
            must=UNSEEN,
            wide=True,
        )
        for code in (403, 429, 500, 503)
    ),
    *(
        Row(
            27,
            f"a list of Jobs is {how} in mid-run",
            faults=said(how, LIST, nth=2),
            must=UNSEEN,
            wide=True,
        )
        for how in (How.TRUNCATE, How.CORRUPT)
    ),
    *(
        Row(
            27,
            f"the first list of Jobs is answered {code}",
            faults=(status(code, LIST),),
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
        faults=said(How.RESET_BEFORE, LIST, nth=2),
        must_not=UNSEEN,
        wide=True,
    ),
    Row(
        28,
        "the cluster is a black hole for one look",
        faults=said(How.BLACK_HOLE, LIST, nth=2),
        must=UNSEEN,
        wide=True,
    ),
    Row(
        29,
        "the cluster is away in mid-run and comes back",
        faults=said(How.REFUSE, Where("cluster")),
        begins_in=Phase.RUNNING,
        troubles=(FaultRule(jobs=JobFaultRule(seconds=2)),),
        lifted_by="observation_failed",
        wide=True,
    ),
    Row(
        30,
        "a pod stays pending, and the search is cancelled",
        Phase.CANCELLED,
        troubles=(FaultRule(jobs=JobFaultRule(pending="ImagePullBackOff")),),
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
            troubles=troubles,
            cancel_in=phase,
            submissions=None if phase in (Phase.QUEUED, Phase.SUBMITTING) else 1,
        )
        for phase, troubles in {
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
            must=("cleanup_pending",),
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
            faults=(refused(code, STOP, 2),),
            troubles=SUBMITS_FOR_EVER,
            cancel_after="submitting",
            must=("cleanup_pending",),
            submissions=None,
        )
        for code in (401, 429, 500, 503)
    ),
    Row(
        35,
        "what is to be deleted is gone already",
        Phase.CANCELLED,
        faults=(status(404, DELETE),),
        troubles=HANGS,
        cancel_in=Phase.RUNNING,
    ),
    *(
        Row(
            46,
            f"something else answers {code} to the stop of the submission",
            Phase.CANCELLED,
            faults=(status(code, STOP),),
            troubles=SUBMITS_FOR_EVER,
            cancel_after="submitting",
            must=("cleanup_pending",),
            submissions=None,
        )
        for code in (404, 405, 501)
    ),
]
