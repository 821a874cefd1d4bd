"""How a submission ends: the JSON line, the exit code, and how they are printed. Pure."""

import json
import random
from dataclasses import dataclass
from typing import Any

from local.elastic_blast.behaviours import Output

_ANOTHER_LINE = '{"kind":"progress","message":"query split","details":{}}'
_A_LOG_LINE = 'INFO: an older answer was {"kind":"submit_result","decision":"queued"}'


@dataclass(frozen=True)
class Ending:
    """At most one JSON object, an exit code, and a last sentence on stderr."""

    exit_code: int
    answer: dict[str, Any] | None
    stderr: str = ""
    output: Output = "whole"

    @property
    def outcome(self) -> str:
        """The decision or the category, for the record of calls."""
        said = self.answer or {}
        return str(said.get("decision") or said.get("category") or "no answer")


def decided(cluster_name: str, decision: str, message: str, **details: str) -> Ending:
    """The submission was taken, now or earlier."""
    said = {"cluster_name": cluster_name, "decision": decision, "message": message}
    return Ending(0, {**said, "details": details})


def transient(exit_code: int, message: str) -> Ending:
    """An error that elastic-blast takes for one that passes, with its hint when to come again."""
    wait = random.randint(15, 90)
    said = {"category": "transient", "message": message, "retry_after_seconds": wait}
    return Ending(exit_code, said, message)


def permanent(message: str) -> Ending:
    """An error that stays, of something that the submission needs."""
    return Ending(7, {"category": "permanent", "message": message}, message)


def misused(message: str) -> Ending:
    """A config or an argument that cannot be used: there is no JSON."""
    return Ending(1, None, message)


def printed(ending: Ending, correlation_id: str) -> str:
    """The answer as it stands on stdout, in the shape that `ending.output` names."""
    line = json.dumps(_complete(ending.answer or {}, correlation_id), sort_keys=True)
    shapes: dict[Output, str] = {
        "whole": f"{line}\n",
        "none": "",
        "cut": line[: len(line) // 2],
        "decoys": f"{_ANOTHER_LINE}\n{line}\n{_A_LOG_LINE}\n",
        "coloured": f"\x1b[1;32m{line}\x1b[0m\n",
    }
    return shapes[ending.output]


def _complete(answer: dict[str, Any], correlation_id: str) -> dict[str, Any]:
    """The answer, with the fields that elastic-blast writes always."""
    common: dict[str, Any] = {
        "correlation_id": correlation_id,
        "details": {},
        "message": "",
        "retry_after_seconds": None,
    }
    if "category" in answer:
        return {**common, "kind": "error", **answer}
    return {**common, "kind": "submit_result", "queue_position": None, **answer}
