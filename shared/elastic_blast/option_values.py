"""The forms and ranges of the values of BLAST+ options. Pure."""

import math
import re
from dataclasses import dataclass
from typing import Protocol

_INTEGER = re.compile(r"-?[0-9]{1,19}")
_NUMBER = re.compile(r"([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,3})?")
_RANGE = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")
_TAXIDS = re.compile(r"[0-9]{1,9}(,[0-9]{1,9})*")
ONE_BILLION, INT64 = 10**9 - 1, 2**63 - 1
"""BLAST+ takes 32 bits for most integers; it crashes for some beyond 10^9."""


class Value(Protocol):
    """The values that an option takes."""

    def fault(self, values: list[str]) -> str | None:
        """Complete "<flag> ..." for values that the option does not take."""


@dataclass(frozen=True)
class Nothing:
    """No value: the flag stands alone."""

    def fault(self, values: list[str]) -> str | None:
        return "takes no value" if values else None


@dataclass(frozen=True)
class Integer:
    """An integer in a range."""

    least: int = 0
    most: int = ONE_BILLION

    def fault(self, values: list[str]) -> str | None:
        text = " ".join(values)
        if _INTEGER.fullmatch(text) and self.least <= int(text) <= self.most:
            return None
        return f"must be an integer of {self.least:,} to {self.most:,}{_not(text)}"


@dataclass(frozen=True)
class Number:
    """A number as BLAST+ reads it, into 64 bits; a bound is part of the range unless `is_open`."""

    least: float = 0
    most: float = math.inf
    is_open: bool = False

    def fault(self, values: list[str]) -> str | None:
        text = " ".join(values)
        if _NUMBER.fullmatch(text) and math.isfinite(float(text)) and self._has(float(text)):
            return None
        return f"must be a number {self._range()}{_not(text)}"

    def _has(self, number: float) -> bool:
        if self.is_open:
            return self.least < number < self.most
        return self.least <= number <= self.most

    def _range(self) -> str:
        lower = "greater than" if self.is_open else "of at least"
        upper = "less than" if self.is_open else "at most"
        bound = "" if math.isinf(self.most) else f" and {upper} {self.most:g}"
        return f"{lower} {self.least:g}{bound}"


@dataclass(frozen=True)
class Choice:
    """One of some words, as they are written."""

    words: tuple[str, ...]

    def fault(self, values: list[str]) -> str | None:
        text = " ".join(values)
        return None if text in self.words else f"must be {_either(self.words)}{_not(text)}"


@dataclass(frozen=True)
class Range:
    """Two positions, `10-200`; counted from 1, and not the same."""

    def fault(self, values: list[str]) -> str | None:
        text = " ".join(values)
        match = _RANGE.fullmatch(text)
        if match and 1 <= int(match[1]) < int(match[2]):
            return None
        return f"must be two positions, the first one less than the second, as 10-200{_not(text)}"


@dataclass(frozen=True)
class Taxids:
    """Ids of taxa, separated by commas."""

    def fault(self, values: list[str]) -> str | None:
        text = " ".join(values)
        fits = _TAXIDS.fullmatch(text)
        return None if fits else f"must be taxids, separated by commas{_not(text)}"


def first_position(text: str) -> int:
    """The first position of a valid Range."""
    return int(text.partition("-")[0])


def _either(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _not(text: str) -> str:
    return f", not {text!r}" if text else ""
