"""What all answers have in common: the form of refusals, and that nothing else stands in one."""

from pydantic import BaseModel, ConfigDict, Field

Id = Field(pattern=r"^job-[0-9a-f]{32}$", examples=["job-0123456789abcdef0123456789abcdef"])


class ResponseModel(BaseModel):
    """Nothing stands in an answer that its model does not know."""

    model_config = ConfigDict(extra="forbid")


class ErrorDetail(ResponseModel):
    """What is wrong, for programs."""

    code: str
    message: str
    errors: list["FaultView"] | None = None


class FaultView(ResponseModel):
    """One thing that is wrong, and where."""

    loc: list[str]
    msg: str


class Refusal(ResponseModel):
    """Every refusal. Its sentence stands wherever a generation of the client looks for it."""

    error: str
    message: str
    detail: ErrorDetail


class Meta(ResponseModel):
    """About the request itself."""

    request_id: str | None = None
    warnings: list[str] | None = Field(None, description="What was not understood, or not used")
