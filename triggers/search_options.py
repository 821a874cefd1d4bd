"""The BLAST options of a request, field by field, as one line of flags."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from shared.contracts.search import Program
from shared.elastic_blast.options import OUTFMT, faults

LONGEST = 500
"""Characters of a field."""
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,31}$")]
Integer = Annotated[int, Field(ge=0, le=999_999_999)]


def _text(value: object) -> object:
    return str(value) if isinstance(value, int) else value


class SearchOptions(BaseModel):
    """What a request may say about the search itself. What it leaves out is left to BLAST+."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    evalue: float | None = Field(None, gt=0, allow_inf_nan=False)
    max_target_seqs: int | None = Field(None, ge=1, le=50_000)
    outfmt: Annotated[str | None, BeforeValidator(_text)] = Field(None, max_length=LONGEST)
    word_size: int | None = Field(None, ge=2, le=999)
    gap_open: Integer | None = None
    gap_extend: Integer | None = None
    taxid: Annotated[str | None, BeforeValidator(_text)] = Field(
        None, pattern=r"^\d{1,9}(,\d{1,9})*$"
    )
    is_inclusive: bool = True
    low_complexity_filter: bool | None = None
    perc_identity: float | None = Field(None, ge=0, le=100)
    qcov_hsp_perc: float | None = Field(None, ge=0, le=100)
    matrix: Word | None = None
    threshold: float | None = Field(None, ge=0, le=1000)
    comp_based_stats: Annotated[Word | None, BeforeValidator(_text)] = None
    soft_masking: bool | None = None
    additional_options: str = Field("", max_length=LONGEST)

    def flags(self, program: Program) -> str:
        """The options as elastic-blast takes them."""
        masking = "-dust" if program is Program.BLASTN else "-seg"
        taxids = "-taxids" if self.is_inclusive else "-negative_taxids"
        given: dict[str, Any] = {
            OUTFMT: self.outfmt,
            "-evalue": _number(self.evalue),
            "-max_target_seqs": self.max_target_seqs,
            "-word_size": self.word_size,
            "-gapopen": self.gap_open,
            "-gapextend": self.gap_extend,
            taxids: self.taxid,
            masking: _said(self.low_complexity_filter, "yes", "no"),
            "-perc_identity": _number(self.perc_identity),
            "-qcov_hsp_perc": _number(self.qcov_hsp_perc),
            "-matrix": self.matrix,
            "-threshold": _number(self.threshold),
            "-comp_based_stats": self.comp_based_stats,
            "-soft_masking": _said(self.soft_masking, "true", "false"),
        }
        words = [f"{flag} {value}" for flag, value in given.items() if value is not None]
        return " ".join([*words, *self.additional_options.split()])

    def faults(self, program: Program) -> list[str]:
        """What is wrong with these options for this program."""
        return list(faults(program, self.flags(program)))


def _number(value: float | None) -> str | None:
    """Such as 0.05, 10 or 1e-30: as BLAST+ prints them, and as exact as it was said."""
    return None if value is None else f"{value:.15g}"


def _said(value: bool | None, yes: str, no: str) -> str | None:
    return None if value is None else (yes if value else no)
