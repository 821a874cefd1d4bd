"""Troubles on purpose: the rules of the control file."""

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
    """The control file cannot be used; one fault on each line of the message."""


@dataclass(frozen=True)
class JobFaultRule:
    """What goes wrong on the cluster, after an honest submission."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid", "strict": True}

    batches: tuple[Count, ...] = ()
    """Numbers of the batches that the trouble is for; none given: all of them."""
    fail_attempts: Count = 0
    """Attempts of a batch that fail before one may succeed; more than 3: the Job fails."""
    words: str = ""
    """What BLAST says on stderr in an attempt that fails; none: it is killed and says nothing."""
    hang: bool = False
    """A batch never ends."""
    seconds: Seconds = 0.0
    """A batch waits so long before it searches."""
    pending: Pending = ""
    """A batch's pod stays pending for this reason."""
    lose_results: bool = False
    """A batch ends well and uploads nothing."""
    never_created: bool = False
    """The submission is accepted, and neither blast Jobs nor finalizer ever come to be."""
    ttl_seconds: Count = 1800
    """How long finished blast and finalizer Jobs are kept."""
    markers: tuple[Marker, ...] | None = None
    """The markers that the finalizer writes in place of the true one; may be none, or both."""

    def hits(self, batch: int) -> bool:
        """Whether this batch is in trouble."""
        return not self.batches or batch in self.batches


@dataclass(frozen=True)
class FaultRule:
    """One rule of the control file: which calls of `submit` it is for, and what happens to them."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid", "strict": True}

    key: str = ""
    """A prefix of the idempotency key; none: every key."""
    call: Count = 0
    """Only the n-th call with one key, counted from 1; 0: every call."""
    after_jobs: bool = False
    """What follows happens when the Jobs have been created, not before anything was done."""
    hang_seconds: Seconds = 0.0
    """The submission hangs there for so long, and then goes on."""
    crash: bool = False
    """The program is killed there (SIGKILL) and says nothing more."""
    answer: dict[str, Any] | None = None
    """The JSON to say there and end, in place of the true one; `{"decision": ...}` or
    `{"category": ...}`; what elastic-blast always adds is added."""
    exit_code: int | None = None
    """The exit code to end there with; given without `answer`, no JSON is said."""
    stderr: str = ""
    """The last line on stderr of a submission that ends by this rule."""
    output: Output = "whole"
    """How the JSON is printed, whatever it says."""
    jobs: JobFaultRule = field(default_factory=JobFaultRule)

    @property
    def ends(self) -> bool:
        """Whether the submission ends by this rule."""
        return self.answer is not None or self.exit_code is not None


def matching_rule(path: Path, key: str, number: int) -> FaultRule:
    """The first rule of the control file for the `number`-th call with `key`; else no trouble."""
    for rule in read_fault_rules(path):
        if key.startswith(rule.key) and rule.call in (0, number):
            return rule
    return FaultRule()


def read_fault_rules(path: Path) -> tuple[FaultRule, ...]:
    """The rules in the file, in order; none where it is missing. Raises BadBehaviours."""
    from pydantic import TypeAdapter, ValidationError  # slow, and pods do without it

    try:
        return TypeAdapter(tuple[FaultRule, ...]).validate_json(path.read_bytes())
    except FileNotFoundError:
        return ()
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise InvalidFaultRules("\n".join(f"{path.name}: {fault}" for fault in faults)) from error


def write_fault_rules(path: Path, *rules: FaultRule) -> None:
    """Put these rules in force, for the submissions to come; without any, there is no trouble."""
    path.write_text(json.dumps([asdict(rule) for rule in rules], indent=2))
