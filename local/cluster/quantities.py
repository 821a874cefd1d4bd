"""Kubernetes' quantities of CPUs and memory. Pure."""

import re
from decimal import Decimal

_QUANTITY = re.compile(r"(\d+\.?\d*|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d{1,3})?")
_BINARY = {f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", start=1)}
_DECIMAL = {
    **dict(zip("num", (Decimal("1e-9"), Decimal("1e-6"), Decimal("1e-3")), strict=True)),
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", start=1)},
}


def parse_quantity(value: object) -> Decimal:
    """A quantity as a number, in CPUs or bytes: `500m`, `4G`, `512Mi`. Raises ValueError.

    The suffixes of 1000 are `k` and capitals, as in Kubernetes: there is no `K` and no `g`.
    """
    match = _QUANTITY.fullmatch(str(value))
    if match is None:
        raise ValueError(f"not a quantity: {value!r}")
    suffix = match[2] or ""
    if suffix[:1] in ("e", "E") and len(suffix) > 1 and suffix != "Ei":
        return Decimal(f"{match[1]}{suffix}")
    return Decimal(match[1]) * {**_BINARY, **_DECIMAL, "": Decimal(1)}[suffix]
