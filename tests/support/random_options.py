"""Values of BLAST+ options at their bounds, and random options of them."""

import random
from collections.abc import Collection, Mapping, Sequence

from shared.contracts.search import Program
from shared.elastic_blast.option_table import OPTIONS
from shared.elastic_blast.option_values import Choice, Integer, Nothing, Number, Range, Value


def numbers(value: Value) -> list[str]:
    """Values in and near the range of a kind of value, and others."""
    match value:
        case Integer(least, most):
            near = {least - 1, least, least + 1, 0, 1, 5, 6, 7, 8, 11, 12, 28, 100, most, most + 1}
            return [str(number) for number in sorted(near)]
        case Number():
            some = "0 0.0 -1 1e-300 .5 0.49 0.5 1. 10.5 99.9 100 100.1 1e5 1E+5 1e300 1e400 x"
            return some.split()
        case Choice(words):
            return [*words, "foo"]
        case Nothing():
            return ["", "x"]
        case Range():
            return ["1-10", "7-7", "7-40", "10-5", "0-10", "5-80", "50-2000", "10", "x"]
    return ["9606", "9606,10090", "x"]


def valid_values(program: Program, without: Collection[str] = ()) -> dict[str, list[str]]:
    """Values by flag that the allow-list takes for each flag alone."""
    return {
        flag: [text for text in numbers(values[program]) if fits(values[program], text)]
        for flag, values in OPTIONS.items()
        if program in values and flag not in without
    }


def random_options(
    valid: Mapping[str, Sequence[str]], chance: random.Random, most: int, least: int = 2
) -> list[str]:
    """Flags, each with one of its values; together they can be invalid."""
    flags = chance.sample(sorted(valid), chance.randint(least, most))
    return [word for flag in flags for word in (flag, chance.choice(valid[flag])) if word]


def fits(value: Value, text: str) -> bool:
    return value.fault(text.split()) is None
