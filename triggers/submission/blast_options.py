"""The BLAST options of a request and the flags that they become."""

from collections.abc import Iterator, Mapping
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.contracts.search import Program
from shared.elastic_blast.allowed_options import OUTFMT, faults, value_of
from shared.errors import Fault
from triggers.submission.json_values import Integer, IntegerText, NumberText

MAX_LENGTH = 500
"""Characters of a field."""
ADDITIONAL = "additional_options"
WORD = r"^[A-Za-z0-9_-]{1,31}$"
TAXIDS = r"^[0-9]{1,9}(,[0-9]{1,9})*$"


def _without_flags(text: str) -> str:
    if any(word.startswith("-") for word in text.split()):
        raise ValueError("must be the number of a format, and its columns")
    return text


OutputFormat = Annotated[IntegerText, Field(max_length=MAX_LENGTH), AfterValidator(_without_flags)]


class SearchOptions(BaseModel):
    """The option fields of a request; BLAST+'s default applies to an omitted field.

    Their values are checked as those of the flags that they become.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    evalue: NumberText | None = None
    max_target_seqs: Integer | None = Field(None, ge=1, le=50_000)
    outfmt: OutputFormat | None = None
    word_size: Integer | None = None
    gap_open: Integer | None = None
    gap_extend: Integer | None = None
    taxid: Annotated[IntegerText, Field(pattern=TAXIDS)] | None = None
    is_inclusive: bool = True
    low_complexity_filter: bool | None = None
    perc_identity: NumberText | None = None
    qcov_hsp_perc: NumberText | None = None
    matrix: str | None = Field(None, pattern=WORD)
    threshold: NumberText | None = None
    comp_based_stats: Annotated[IntegerText, Field(pattern=WORD)] | None = None
    soft_masking: bool | None = None
    additional_options: str = Field(
        "", max_length=MAX_LENGTH, description="BLAST+ flags; they override the other fields"
    )

    def flags(self, program: Program) -> str:
        """Render the options as flags for elastic-blast; `additional_options` override fields."""
        options = [option for option in self._fields(program) if self._override(option) is None]
        words = [f"{option.flag} {option.value}" for option in options]
        return " ".join([*words, *self.additional_options.split()])

    def faults(self, program: Program) -> list[Fault]:
        """List what is invalid about these options for the program, by the field that has it."""
        names = {
            option.flag: option.name
            for option in self._fields(program)
            if self._override(option) is None
        }
        return [
            Fault(names.get(flag, ADDITIONAL), message)
            for flag, message in faults(program, self.flags(program))
        ]

    def warnings(self, program: Program) -> list[str]:
        """List the fields that are not used, one sentence each."""
        overridden = [
            f"{option.name} is not used: additional_options has {override}"
            for option in self._fields(program)
            if (override := self._override(option)) is not None
        ]
        if self.taxid or self.is_inclusive:
            return overridden
        return [*overridden, "is_inclusive is not used: it is about taxid, which is absent"]

    def _override(self, field: "FieldOption") -> str | None:
        """Return the additional option that overrides a field, as the request gives it."""
        for flag in (field.flag, *_EXCLUSIVE_FLAGS.get(field.name, ())):
            value = value_of(self.additional_options, flag)
            if value is not None:
                return f"{flag} {value}".rstrip()
        return None

    def _fields(self, program: Program) -> Iterator["FieldOption"]:
        for name, flag in flags_by_field(program, is_inclusive=self.is_inclusive).items():
            value = getattr(self, name)
            if isinstance(value, bool):
                value = BOOLEAN_WORDS[flag][value]
            if value is not None:
                yield FieldOption(name, flag, str(value))


def flags_by_field(program: Program, *, is_inclusive: bool = True) -> dict[str, str]:
    """Return the flag that each option field becomes, whether or not the program has it."""
    return {
        "outfmt": OUTFMT,
        "evalue": "-evalue",
        "max_target_seqs": "-max_target_seqs",
        "word_size": "-word_size",
        "gap_open": "-gapopen",
        "gap_extend": "-gapextend",
        "taxid": "-taxids" if is_inclusive else "-negative_taxids",
        "low_complexity_filter": "-dust" if program is Program.BLASTN else "-seg",
        "perc_identity": "-perc_identity",
        "qcov_hsp_perc": "-qcov_hsp_perc",
        "matrix": "-matrix",
        "threshold": "-threshold",
        "comp_based_stats": "-comp_based_stats",
        "soft_masking": "-soft_masking",
    }


class FieldOption(NamedTuple):
    """A field of a request as a flag and its value."""

    name: str
    flag: str
    value: str


_EXCLUSIVE_FLAGS = {
    "taxid": ("-taxids", "-negative_taxids"),
    "max_target_seqs": ("-num_descriptions", "-num_alignments"),
}
"""By field: flags that also override it, because BLAST+ refuses them beside the field's flag."""

BOOLEAN_WORDS: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("-dust", "-seg"), ("no", "yes")),
    "-soft_masking": ("false", "true"),
}
"""By flag: the words for false and true."""
