"""Fault injection: rules, read from a JSON file, that make submissions and Jobs fail."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge

Output = Literal["whole", "none", "cut", "decoys", "coloured"]
Marker = Literal["SUCCESS", "FAILURE"]
Pending = Literal["", "Unschedulable", "ImagePullBackOff", "CreateContainerConfigError"]
Count = Annotated[int, Ge(0)]
Seconds = Annotated[float, Ge(0)]


class InvalidFaultRules(ValueError):
    """The rules' file is invalid; the message has one fault per line."""


@dataclass(frozen=True)
class JobFaultRule:
    """Faults on the cluster, after a successful submission."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid", "strict": True}

    batches: tuple[Count, ...] = ()
    """Batches that the fault applies to; empty: all."""
    fail_attempts: Count = 0
    """Number of failing attempts per batch; with more than 3, the Job fails."""
    stderr: str = ""
    """BLAST's stderr in a failing attempt; empty: no output, as after a kill."""
    hang: bool = False
    """The search of a batch never ends."""
    seconds: Seconds = 0.0
    """Delay before each batch's search."""
    pending: Pending = ""
    """The batch's pod stays pending for this reason."""
    lose_results: bool = False
    """The batch succeeds but uploads no result."""
    never_created: bool = False
    """The submission is accepted, but neither blast Jobs nor the finalizer are created."""
    ttl_seconds: Count = 1800
    """ttlSecondsAfterFinished of blast and finalizer Jobs."""
    markers: tuple[Marker, ...] | None = None
    """Markers that the finalizer writes instead of the true one: none, one or both."""

    def applies_to(self, batch: int) -> bool:
        """Whether the fault applies to this batch."""
        return not self.batches or batch in self.batches


@dataclass(frozen=True)
class FaultRule:
    """A rule of the file: the calls of `submit` that it applies to, and their fault."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid", "strict": True}

    key: str = ""
    """A prefix of the idempotency key; empty: every key."""
    call: Count = 0
    """The n-th call with the same key, counted from 1; 0: every call."""
    after_jobs: bool = False
    """Apply the fault after the Jobs were created, instead of at the start."""
    hang_seconds: Seconds = 0.0
    """The submission hangs for so long, and then continues."""
    crash: bool = False
    """The program is killed (SIGKILL) without further output."""
    answer: dict[str, Any] | None = None
    """The JSON to end with, instead of the true one: `{"decision": ...}` or
    `{"category": ...}`; the fields that elastic-blast always writes are added."""
    exit_code: int | None = None
    """The exit code to end with; without `answer`, no JSON is printed."""
    stderr: str = ""
    """The last line on stderr of a submission that this rule ends."""
    output: Output = "whole"
    """The format in which the JSON is printed."""
    jobs: JobFaultRule = field(default_factory=JobFaultRule)

    @property
    def ends_submission(self) -> bool:
        """Whether this rule ends the submission."""
        return self.answer is not None or self.exit_code is not None


def matching_rule(path: Path, key: str, number: int) -> FaultRule:
    """The first rule for the `number`-th call with `key`, else an empty rule."""
    for rule in read_fault_rules(path):
        if key.startswith(rule.key) and rule.call in (0, number):
            return rule
    return FaultRule()


def read_fault_rules(path: Path) -> tuple[FaultRule, ...]:
    """The rules in the file, in order; none if it is missing. Raises InvalidFaultRules."""
    from pydantic import TypeAdapter, ValidationError  # slow import; containers skip it

    try:
        return TypeAdapter(tuple[FaultRule, ...]).validate_json(path.read_bytes())
    except FileNotFoundError:
        return ()
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise InvalidFaultRules("\n".join(f"{path.name}: {fault}" for fault in faults)) from error


def write_fault_rules(path: Path, *rules: FaultRule) -> None:
    """Replace the rules for future submissions; without rules, nothing fails."""
    path.write_text(json.dumps([asdict(rule) for rule in rules], indent=2))
