"""How a submission ends: the exit code, the JSON line, and its output formats. Pure."""

import json
import random
from dataclasses import dataclass
from typing import Any

from local.elastic_blast.fault_rules import Output

_PROGRESS_LINE = '{"kind":"progress","message":"query split","details":{}}'
_LOG_LINE = 'INFO: an older answer was {"kind":"submit_result","decision":"queued"}'


@dataclass(frozen=True)
class SubmitExit:
    """At most one JSON object, an exit code, and a last line on stderr."""

    exit_code: int
    body: dict[str, Any] | None
    stderr: str = ""
    output: Output = "whole"

    @property
    def outcome(self) -> str:
        """The decision or the category, for the record of calls."""
        fields = self.body or {}
        return str(fields.get("decision") or fields.get("category") or "no answer")


def success_exit(cluster_name: str, decision: str, message: str, **details: str) -> SubmitExit:
    """The submission was accepted, now or earlier."""
    fields = {"cluster_name": cluster_name, "decision": decision, "message": message}
    return SubmitExit(0, {**fields, "details": details})


def transient_exit(exit_code: int, message: str) -> SubmitExit:
    """A retryable error, with the CLI's random hint of 15 to 90 s."""
    wait = random.randint(15, 90)
    fields = {"category": "transient", "message": message, "retry_after_seconds": wait}
    return SubmitExit(exit_code, fields, message)


def usage_exit(message: str) -> SubmitExit:
    """An invalid config or argument; the CLI prints no JSON then."""
    return SubmitExit(1, None, message)


def render(submit_exit: SubmitExit, correlation_id: str) -> str:
    """The JSON as printed on stdout, in the format that `outcome.output` names."""
    line = json.dumps(_complete(submit_exit.body or {}, correlation_id), sort_keys=True)
    shapes: dict[Output, str] = {
        "whole": f"{line}\n",
        "none": "",
        "cut": line[: len(line) // 2],
        "decoys": f"{_PROGRESS_LINE}\n{line}\n{_LOG_LINE}\n",
        "coloured": f"\x1b[1;32m{line}\x1b[0m\n",
    }
    return shapes[submit_exit.output]


def _complete(body: dict[str, Any], correlation_id: str) -> dict[str, Any]:
    """The JSON with the fields that elastic-blast always writes."""
    common: dict[str, Any] = {
        "correlation_id": correlation_id,
        "details": {},
        "message": "",
        "retry_after_seconds": None,
    }
    if "category" in body:
        return {**common, "kind": "error", **body}
    return {**common, "kind": "submit_result", "queue_position": None, **body}
