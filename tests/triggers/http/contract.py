"""The shape of every response, taken from the contract and not from the app's models.

A dict is an object: `name?` may be left out, and a name that is not in it is a fault. A list holds
things of one shape, a tuple is one of several shapes, a set one of several values.
"""

import re
from collections.abc import Mapping
from types import NoneType
from typing import Any

JOB_ID = re.compile(r"job-[0-9a-f]{32}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
NUMBER = (int, float, NoneType)
TEXT = (str, NoneType)
STATUS = {"queued", "running", "completed", "failed", "cancelled"}
RUNTIME = {"Pending", "Running", "Completed", "Failed", "Terminated", "Canceled"}

FAULT = {"loc": [str], "msg": str, "line?": int}
REFUSAL = {
    "error": str,
    "message": str,
    "detail": {"code": str, "message": str, "errors?": [FAULT]},
}

STEP = {
    "started_at": TIME,
    "completed_at?": TIME,
    "status": {"running", "completed", "failed", "cancelled"},
    "success?": bool,
    "output?": str,
    "facts?": dict,  # more than the contract has
    "error?": str,
}
STEPS = {
    f"{name}?": STEP
    for name in (
        *("preparing", "configuring", "submitting"),
        *("running", "exporting_results", "completed"),
    )
}
CUSTOM_STATUS = {"phase": str, "exact_phase": str, "job_id": JOB_ID, "steps": STEPS}
OUTPUT = {
    "job_id": JOB_ID,
    "status": STATUS,
    "phase": str,
    "exact_phase": str,
    "error": TEXT,
    "results_prefix": str,
}
EVENT = {
    "id": re.compile(r"\d+"),
    "job_id": JOB_ID,
    "event": str,
    "phase": str,
    "status": STATUS,
    "timestamp": TIME,
    "payload": dict,
}

ACCEPTED = {
    **dict.fromkeys(("job_id", "id", "instance_id", "task_id"), JOB_ID),
    "status": {"queued"},
    "phase": str,
    "statusQueryGetUri": re.compile(rf"/api/blast/submit/{JOB_ID.pattern}/status"),
    "operation_status_url": re.compile(rf"/api/.*{JOB_ID.pattern}.*"),
    "created_at": TIME,
    "meta": {"request_id": str, "warnings?": [str]},
}
SUMMARY = {
    "job_id": JOB_ID,
    "instance_id": JOB_ID,
    **dict.fromkeys(("job_title", "program", "db", "phase", "exact_phase", "owner_upn"), str),
    "status": STATUS,
    "created_at": TIME,
    "updated_at": TIME,
    "started_at?": TIME,
    "finished_at?": TIME,  # more than the contract has; the clients pass over it
    "runtime_status": RUNTIME,
    **dict.fromkeys(("error?", "error_code?", "reason?", "query_label?"), str),
    "failure_classification?": {"category": str, "auto_retryable": bool, "reason": str},
    "left_on_cluster?": {"none", "unknown"},
    "config_snapshot": {
        # As in the submission.
        "evalue": NUMBER,
        "max_target_seqs": (int, NoneType),
        "outfmt": (int, str, NoneType),
        "machine_type": str,
        "num_nodes": int,
    },
    "infrastructure": dict.fromkeys(
        ("subscription_id", "resource_group", "region", "storage_account", "cluster_name"), str
    ),
    **dict.fromkeys(("splits_total", "splits_done", "splits_failed"), int),
    "results_prefix?": str,
    "parent_job_id?": JOB_ID,
    "delete_requested_at?": TIME,
    "split_children?": {"child_count": int, "children_by_status": dict, "children?": [dict]},
    "submission_source": str,
    "external_correlation_id?": str,
}
DETAIL = {
    **SUMMARY,
    "custom_status": CUSTOM_STATUS,
    "output": (OUTPUT, NoneType),
    "payload": dict,
    "database_metadata?": dict,
}
DETAIL_WITH_HISTORY = {**DETAIL, "history": [EVENT]}
JOBS = {
    "jobs": [SUMMARY],
    "page": {"limit": int, "returned": int, "has_more": bool, "next_cursor?": str},
    "meta": dict,
}
EVENTS = {"job_id": JOB_ID, "events": [EVENT]}
EXECUTION = {
    "schema_version": int,
    "job_id": JOB_ID,
    "status": STATUS,
    "phase": str,
    "exact_phase": str,
    "created_at": TIME,
    "updated_at": TIME,
    "custom_status": {"steps": STEPS},
    "output": {"steps": STEPS},
}
RUNTIME_STATUS = {
    "instance_id": JOB_ID,
    "runtime_status": RUNTIME,
    "custom_status": CUSTOM_STATUS,
    "created_time": TIME,
    "last_updated_time": TIME,
    "output": (OUTPUT, NoneType),
}
CANCELLING = {"job_id": JOB_ID, "task_id": JOB_ID, "status": {"cancelling", "cancelled"}}
QUEUED_AGAIN = {"job_id": JOB_ID, "task_id": JOB_ID, "status": {"queued"}}
DELETED = {"job_id": JOB_ID, "status": {"deleted"}}
FILE_SHOWN = {"job_id": JOB_ID, "name": str, "content": str, "truncated": bool}
QUERY = {"job_id": JOB_ID, "query_text": str, "size_bytes": int, "max_bytes": int}

UPLOADED = {"blob_url": str, "blob_path": str}
DATABASES = {
    "databases": [
        {
            **dict.fromkeys(("name", "container", "prefix"), str),
            "title?": str,
            "type": {"nucl", "prot"},
            **dict.fromkeys(("file_count", "total_bytes", "size_bytes"), int),
            **dict.fromkeys(("total_sequences?", "sequences?"), int),
            **dict.fromkeys(("total_letters?", "letters?"), int),
            "updated_at?": TIME,
            "ready": bool,
            "copy_status": {"phase": {"completed", "partial"}},
        }
    ]
}
UPDATES = {"latest_version": TEXT}
PRE_FLIGHT = {
    "ready": bool,
    "warnings?": [str], "faults?": [FAULT],  # more than the contract has
    "checks": [
        {
            "id": {
                *("fasta_format", "blast_db", "aks_cluster"),
                *("storage_containers", "terminal_sidecar"),
                *("search_options", "active_searches"),  # more than the contract has
            },
            "status": {"pass", "fail", "warn", "skip"},
            "title": str,
            **dict.fromkeys(("detail?", "action?", "severity?"), str),
        }
    ],
    "critical_blockers": int,
    "summary": str,
}
ME = {"object_id": str, "tenant_id": str, "upn": str}
REACH = {"status": str, "milliseconds": int}
READY = {
    "status": str,
    "checks": dict.fromkeys(("tables", "blob", "queue", "sidecar", "cluster"), REACH),
}

RESULT_FILES = [
    {
        **dict.fromkeys(("file_id", "name", "format", "source"), str),
        "size": int,
        "last_modified": TIME,
        "parseable": bool,
    }
]
RESULTS = {
    "job_id": JOB_ID,
    "files": RESULT_FILES,
    "results": RESULT_FILES,
    "manifest": {
        "schema_version": int,
        "job_id": JOB_ID,
        "status": {"available", "no_result_files", "pending"},
        "source": str,
        "file_count": int,
        "parseable_count": int,
        "files": RESULT_FILES,
    },
}
HIT = {
    **dict.fromkeys(("qseqid", "sseqid"), str),
    **dict.fromkeys(("pident", "length", "mismatch", "gapopen", "evalue", "bitscore"), NUMBER),
    **dict.fromkeys(("qstart", "qend", "sstart", "send"), NUMBER),
}
PAGED_HIT = {**HIT, "query": int, "source_blob": str}  # more than the contract has
ALIGNMENTS = {
    "job_id": JOB_ID,
    "blob_name": str,
    "alignments": [PAGED_HIT],
    "total_hits": int,
    "returned": int,
    "query_ids": [str],
    **dict.fromkeys(("page", "page_size", "pages", "filtered_hits", "read_failures"), int),
    **dict.fromkeys(("files_parsed", "total_files"), int),
    "blob_names": [str],
    "subject_aggregates": list,
    "files_unreadable": list,
    "truncated": bool,
}
STATS = {
    **dict.fromkeys(("total_hits", "unique_queries", "unique_subjects"), int),
    **{f"{name}_distribution": dict for name in ("evalue", "identity")},
    "top_subjects": [{"id": str, "count": int}],
    **dict.fromkeys(("avg_identity", "avg_bitscore", "avg_length"), NUMBER),
    **dict.fromkeys(("max_bitscore", "min_evalue"), NUMBER),
    **dict.fromkeys(("files_parsed", "total_files"), int),
    # More than the contract has.
    "files_unreadable": list,
    "truncated": bool,
}
AGGREGATE = {"job_id": JOB_ID, "status": {"ok"}, "stats": STATS}


def amiss(value: object, shape: Any, at: str = "it") -> list[str]:
    """List the paths at which a value differs from a shape."""
    if isinstance(shape, tuple):
        result = [amiss(value, one, at) for one in shape]
        return [] if [] in result else result[0]
    if isinstance(shape, dict) and isinstance(value, dict):
        return _fields(value, shape, at)
    if isinstance(shape, list) and isinstance(value, list):
        return [text for n, one in enumerate(value) for text in amiss(one, shape[0], f"{at}.{n}")]
    return [] if _is(value, shape) else [f"{at} is {value!r}"]


def _fields(value: Mapping[str, object], shape: Mapping[str, Any], at: str) -> list[str]:
    known = {name.rstrip("?"): one for name, one in shape.items()}
    missing = [f"{at}.{name} is missing" for name in shape if _is_missing(name, value)]
    strange = [f"{at}.{name} is not in the contract" for name in value if name not in known]
    inner = [
        text
        for name, one in value.items()
        for text in amiss(one, known.get(name, object), f"{at}.{name}")
    ]
    return missing + strange + inner


def _is_missing(name: str, value: Mapping[str, object]) -> bool:
    return not name.endswith("?") and name not in value


def _is(value: object, shape: Any) -> bool:
    """Check the type; True is not a number, because JSON distinguishes bool and int."""
    if isinstance(shape, re.Pattern):
        return isinstance(value, str) and bool(shape.fullmatch(value))
    if isinstance(shape, set):
        return any(value == one for one in shape)
    return shape is object or type(value) is shape
