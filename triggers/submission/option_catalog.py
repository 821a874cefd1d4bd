"""The programs and their options, from the tables that submissions are checked with. Pure."""

import math
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from shared.blast.databases import DatabaseType, is_compatible
from shared.blast.fasta import NUCLEOTIDE_QUERY
from shared.contracts.search import Program
from shared.elastic_blast.allowed_options import OUTFMT, output_formats
from shared.elastic_blast.option_defaults import DEFAULTS
from shared.elastic_blast.option_table import OPTIONS
from shared.elastic_blast.option_values import Choice, Integer, Number, Value
from triggers.schemas.programs import OptionView, ProgramView, SequenceType
from triggers.submission.blast_options import BOOLEAN_WORDS, SearchOptions, flags_by_field
from triggers.submission.field_groups import SizingFields


def programs(default_outfmt: str, batch_len: int) -> list[ProgramView]:
    """Return all programs; the defaults of outfmt and batch_len are the deployment's."""
    return [
        ProgramView(
            name=program,
            query_type=_type(is_nucleotide=program in NUCLEOTIDE_QUERY),
            database_type=_type(is_nucleotide=is_compatible(program, DatabaseType.NUCLEOTIDE)),
            options=[
                OptionView(
                    name="outfmt",
                    flag=OUTFMT,
                    kind="choice",
                    choices=output_formats(program),
                    default=default_outfmt,
                ),
                *_options(program),
                OptionView(
                    name="batch_len",
                    kind="integer",
                    default=str(batch_len),
                    **_bounds(SizingFields, "batch_len"),
                ),
            ],
        )
        for program in Program
    ]


def _type(*, is_nucleotide: bool) -> SequenceType:
    return "nucl" if is_nucleotide else "prot"


def _options(program: Program) -> Iterator[OptionView]:
    """Yield the options that the program has and a field of a submission can set."""
    for name, flag in flags_by_field(program).items():
        value = OPTIONS.get(flag, {}).get(program)
        if value is None:
            continue
        default = DEFAULTS.get(flag, {}).get(program)
        if flag in BOOLEAN_WORDS:
            default = default and str(default == BOOLEAN_WORDS[flag][True]).lower()
            yield OptionView(name=name, flag=flag, kind="boolean", default=default)
        else:
            limits = {**_limits(value), **_bounds(SearchOptions, name)}
            yield OptionView(name=name, flag=flag, default=default, **limits)


def _limits(value: Value) -> dict[str, Any]:
    """The fields of an OptionView that say what an option takes."""
    match value:
        case Integer(least, most):
            return {"kind": "integer", "minimum": least, "maximum": most}
        case Number(least, most, is_open):
            bounds = {"minimum": least} | ({} if math.isinf(most) else {"maximum": most})
            return {"kind": "number", **bounds, "has_open_bounds": is_open or None}
        case Choice(words):
            return {"kind": "choice", "choices": list(words)}
    return {"kind": "text"}


def _bounds(model: type[BaseModel], name: str) -> dict[str, Any]:
    """The bounds that a model sets for a field, which can be narrower than those of BLAST+."""
    names = {"ge": "minimum", "le": "maximum"}
    return {
        names[attribute]: getattr(constraint, attribute)
        for constraint in model.model_fields[name].metadata
        for attribute in names
        if hasattr(constraint, attribute)
    }
