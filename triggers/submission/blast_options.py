"""The BLAST options of a request, field by field, as one line of flags."""

from collections.abc import Iterator
from typing import Annotated, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from shared.contracts.search import Program
from shared.elastic_blast.allowed_options import OUTFMT, faults, value_of

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
    additional_options: str = Field(
        "", max_length=LONGEST, description="BLAST+ flags; they win over the fields beside them"
    )

    def flags(self, program: Program) -> str:
        """The options as elastic-blast takes them: `additional_options` win over the fields."""
        fields = [one for one in self._fields(program) if self._override(one) is None]
        words = [f"{one.flag} {one.value}" for one in fields]
        return " ".join([*words, *self.additional_options.split()])

    def faults(self, program: Program) -> list[str]:
        """What is wrong with these options for this program."""
        return list(faults(program, self.flags(program)))

    def warnings(self, program: Program) -> list[str]:
        """One sentence for each field that `additional_options` override."""
        return [
            f"{one.name} was not used: additional_options say {override}"
            for one in self._fields(program)
            if (override := self._override(one)) is not None
        ]

    def _override(self, field: "FieldOption") -> str | None:
        """The additional option that takes the place of a field, as it was given."""
        for flag in (field.flag, *_RIVALS.get(field.name, ())):
            value = value_of(self.additional_options, flag)
            if value is not None:
                return f"{flag} {value}".rstrip()
        return None

    def _fields(self, program: Program) -> Iterator["FieldOption"]:
        masking = "-dust" if program is Program.BLASTN else "-seg"
        taxids = "-taxids" if self.is_inclusive else "-negative_taxids"
        rows: tuple[tuple[str, str, object], ...] = (
            ("outfmt", OUTFMT, self.outfmt),
            ("evalue", "-evalue", _number(self.evalue)),
            ("max_target_seqs", "-max_target_seqs", self.max_target_seqs),
            ("word_size", "-word_size", self.word_size),
            ("gap_open", "-gapopen", self.gap_open),
            ("gap_extend", "-gapextend", self.gap_extend),
            ("taxid", taxids, self.taxid),
            ("low_complexity_filter", masking, _said(self.low_complexity_filter, "yes", "no")),
            ("perc_identity", "-perc_identity", _number(self.perc_identity)),
            ("qcov_hsp_perc", "-qcov_hsp_perc", _number(self.qcov_hsp_perc)),
            ("matrix", "-matrix", self.matrix),
            ("threshold", "-threshold", _number(self.threshold)),
            ("comp_based_stats", "-comp_based_stats", self.comp_based_stats),
            ("soft_masking", "-soft_masking", _said(self.soft_masking, "true", "false")),
        )
        for name, flag, value in rows:
            if value is not None:
                yield FieldOption(name, flag, str(value))


class FieldOption(NamedTuple):
    """What one field of a request says, as a flag and its value."""

    name: str
    flag: str
    value: str


_RIVALS = {
    "taxid": ("-taxids", "-negative_taxids"),
    "max_target_seqs": ("-num_descriptions", "-num_alignments"),
}
"""Flags that also take a field's place: BLAST+ does not take them beside the field's own."""


def _number(value: float | None) -> str | None:
    """Such as 0.05, 10 or 1e-30: as BLAST+ prints them, and as exact as it was said."""
    return None if value is None else f"{value:.15g}"


def _said(value: bool | None, yes: str, no: str) -> str | None:
    return None if value is None else (yes if value else no)
