"""The base of all response models, and the error response."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from shared.errors import Fault


def format_timestamp(at: datetime) -> str:
    """Format a time in UTC as ISO 8601 with milliseconds, which browsers parse."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


Timestamp = Annotated[datetime, PlainSerializer(format_timestamp)]
Id = Field(pattern=r"^job-[0-9a-f]{32}$", examples=["job-0123456789abcdef0123456789abcdef"])


class ResponseModel(BaseModel):
    """Base of response models: an unknown field is an error.

    An optional field has the default None, and None means that the field is omitted from the JSON.
    A required field that can be None is null.
    """

    model_config = ConfigDict(extra="forbid")

    def to_json(self) -> dict[str, Any]:
        """Return the response as JSON values."""
        return self.model_dump(mode="json", exclude_defaults=True)


class ErrorDetail(ResponseModel):
    """The stable code of an error, and its faults."""

    code: str
    message: str
    errors: list["FaultView"] | None = None


class FaultView(ResponseModel):
    """One invalid field: its path, and what is wrong with it."""

    loc: list[str]
    msg: str
    line: int | None = Field(None, description="The line of the query that has the fault")

    @classmethod
    def of(cls, fault: Fault) -> Self:
        return cls(loc=fault.path.split("."), msg=fault.message, line=fault.line)


class ErrorResponse(ResponseModel):
    """Body of every error; `error`, `message` and `detail.message` are the same sentence.

    Each generation of the dashboard reads another of the three.
    """

    error: str
    message: str
    detail: ErrorDetail


class Meta(ResponseModel):
    """Information about the request."""

    request_id: str | None = None
    warnings: list[str] | None = Field(
        None, description="One sentence per unknown name and per value that is not used"
    )
