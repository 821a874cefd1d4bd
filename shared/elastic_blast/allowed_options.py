"""Allow-list of BLAST+ options, by flag and program.

It has no flag for a file, the database, the query, the output or the number of threads, and allows
no character with a meaning in a shell or a YAML template.
"""

import re
from collections.abc import Iterator, Sequence

from shared.contracts.columns import COLUMNS
from shared.contracts.search import Program
from shared.elastic_blast.option_rules import OptionFault, rule_faults
from shared.elastic_blast.option_table import OPTIONS

OUTFMT = "-outfmt"
XML = "5"
NO_OUTFMT = "11"
"""The format that elastic-blast uses if the options have no `-outfmt`."""
_SEVERAL_FILES = {"13", "14"}
"""Formats that BLAST+ writes into several files, of which elastic-blast uploads none."""
_SAM = "17"
_FORMATS = {str(number) for number in range(19)} - _SEVERAL_FILES
_COLUMNS_BY_FORMAT = {**dict.fromkeys(("6", "7", "10"), COLUMNS), _SAM: frozenset({"SQ", "SR"})}
"""The formats that accept a list of columns in BLAST+, and the columns."""
_NEGATIVE = re.compile(r"-[0-9.]+([eE][+-]?[0-9]+)?")
_FORBIDDEN = re.compile(r"[^A-Za-z0-9 ._,=+-]")
LONGEST = 1500
"""Characters of all options: those from a request's fields, and 500 of its free text."""


def faults(program: Program, text: str) -> Iterator[OptionFault]:
    """Validates options for a program. Each message is a sentence, or completes one."""
    if len(text) > LONGEST:
        yield OptionFault("", f"has {len(text)} characters; at most {LONGEST} are allowed")
    if forbidden := sorted(set(_FORBIDDEN.findall(text))):
        characters = " ".join(map(repr, forbidden))
        yield OptionFault(_flag_of(text), f"must not contain {characters}")
        return
    values: dict[str, str] = {}
    is_valid = True
    for flag, words in _groups(text.split()):
        if flag in values:
            yield OptionFault(flag, f"{flag} is given twice")
        values[flag] = " ".join(words)
        if message := _fault(program, flag, words):
            is_valid = False
            yield OptionFault(flag, message)
    if is_valid:
        number = values.get(OUTFMT, "").partition(" ")[0]
        yield from rule_faults(program, values, int(number) if number else None)


def _fault(program: Program, flag: str, words: list[str]) -> str | None:
    if not flag:
        return f"{words[0]!r} is not preceded by a flag"
    if flag == OUTFMT:
        return _outfmt_fault(program, words)
    if flag not in OPTIONS:
        return f"{flag} is not an allowed option"
    value = OPTIONS[flag].get(program)
    if value is None:
        return f"{flag} is not an option of {program}"
    message = value.fault(words)
    return message and f"{flag} {message}"


def _flag_of(text: str) -> str:
    """The flag whose value has the first forbidden character."""
    match = _FORBIDDEN.search(text)
    before = text[: match.start()].split() if match else []
    return next((word for word in reversed(before) if word in OPTIONS or word == OUTFMT), "")


def output_formats(program: Program) -> list[str]:
    """Return the numbers of the formats that a program can write, in their order."""
    return sorted((f for f in _FORMATS if not _outfmt_fault(program, [f])), key=int)


def value_of(text: str, flag: str) -> str | None:
    """The value of a flag in valid options; None if the flag is absent."""
    return next((" ".join(values) for name, values in _groups(text.split()) if name == flag), None)


def flags_of(text: str) -> dict[str, str]:
    """The value of each flag in valid options, in order; empty for a flag without one."""
    return {flag: " ".join(values) for flag, values in _groups(text.split())}


def has_flag(text: str, flag: str) -> bool:
    """Whether valid options have a flag."""
    return value_of(text, flag) is not None


def with_outfmt(text: str, default: str) -> str:
    """Add an output format whose hits can be read, unless the options have one.

    elastic-blast would add `-outfmt 11`, an archive that no reader supports.
    """
    return text if value_of(text, OUTFMT) else f"{OUTFMT} {default} {text}".strip()


def _groups(tokens: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Each flag with the tokens up to the next flag. A negative number is a value."""
    flag, values = "", list[str]()
    for token in tokens:
        if token.startswith("-") and not _NEGATIVE.fullmatch(token):
            if flag or values:
                yield flag, values
            flag, values = token, []
        else:
            values.append(token)
    if flag or values:
        yield flag, values


def _outfmt_fault(program: Program, words: list[str]) -> str | None:
    number, columns = (words or [""])[0], words[1:]
    if number in _SEVERAL_FILES:
        return f"{OUTFMT} {number} is written into several files, which are lost: use 5, 12 or 15"
    if number not in _FORMATS:
        return f"{OUTFMT} must be 0 to 18, and columns where the format has them"
    if number == _SAM and program is not Program.BLASTN:
        return f"{OUTFMT} {_SAM}, SAM, is for blastn only"
    known = _COLUMNS_BY_FORMAT.get(number)
    if columns and known is None:
        return f"{OUTFMT} {number} takes no columns"
    if unknown := [column for column in columns if column not in (known or ())]:
        return f"{OUTFMT} {number} has no column {unknown[0]!r}"
    return None
