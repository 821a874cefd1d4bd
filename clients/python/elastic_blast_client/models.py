"""What the API returns, as values; `raw` has the whole JSON object."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fault:
    """One invalid field of a request."""

    field: str
    message: str


@dataclass(frozen=True)
class Job:
    """A search, or a batch of searches."""

    job_id: str
    status: str
    """`queued`, `running`, `completed`, `failed` or `cancelled`."""
    phase: str
    title: str
    error: str | None
    reason: str | None
    """Why it does not progress, as a sentence."""
    raw: Mapping[str, Any]

    @property
    def has_ended(self) -> bool:
        return self.status in ("completed", "failed", "cancelled")

    @property
    def batches(self) -> tuple[int, int | None]:
        """The batches that are done, and all of them; None until their number is known."""
        return int(self.raw.get("splits_done") or 0), self.raw.get("splits_total") or None

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "Job":
        return cls(
            job_id=raw["job_id"],
            status=raw["status"],
            phase=raw.get("exact_phase", raw["phase"]),
            title=raw.get("job_title", ""),
            error=raw.get("error"),
            reason=raw.get("reason"),
            raw=raw,
        )


@dataclass(frozen=True)
class ResultFile:
    """A result file of a completed search."""

    file_id: str
    name: str
    size: int

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "ResultFile":
        return cls(raw["file_id"], raw["name"], raw["size"])
