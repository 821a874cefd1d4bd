"""Response models of the programs and their options."""

from typing import Literal

from pydantic import Field

from shared.contracts.search import Program
from triggers.schemas.common import ResponseModel

SequenceType = Literal["nucl", "prot"]
OptionKind = Literal["integer", "number", "choice", "boolean", "text"]


class OptionView(ResponseModel):
    """An option of a program: the field of a submission that sets it, and the values it takes."""

    name: str = Field(description="The field of a submission")
    flag: str | None = Field(None, description="The flag of BLAST+; omitted for what has none")
    kind: OptionKind
    minimum: int | float | None = None
    maximum: int | float | None = None
    has_open_bounds: Literal[True] | None = Field(
        None, description="The bounds themselves are refused; omitted if they are taken"
    )
    choices: list[str] | None = None
    default: str | None = Field(
        None, description="What an omitted field means; omitted if there is no such value"
    )


class ProgramView(ResponseModel):
    """A program, with the types of its queries and databases."""

    name: Program
    query_type: SequenceType
    database_type: SequenceType
    options: list[OptionView]


class Programs(ResponseModel):
    """The programs of BLAST+ that a search can name."""

    programs: list[ProgramView]
