"""ASP.NET route templates: `{id}`, `{id?}`, `{id:int}`, `{*rest}`."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from local.functions_host.settings import CannotStart

_PARAMETER = re.compile(r"\{(\*{0,2})(\w+)(?::(\w+))?(\?)?\}")
_CONSTRAINTS = {
    "int": r"-?\d+",
    "long": r"-?\d+",
    "bool": r"(?i:true|false)",
    "guid": r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "alpha": r"[A-Za-z]+",
}


@dataclass(frozen=True)
class Route:
    """A compiled template."""

    template: str
    pattern: re.Pattern[str]

    def match(self, path: str) -> dict[str, str] | None:
        """The parameters in a path without a leading slash; None if it does not match."""
        match = self.pattern.fullmatch(path.strip("/"))
        if match is None:
            return None
        return {name: unquote(text) for name, text in match.groupdict().items() if text is not None}


def route(template: str) -> Route:
    """Compile a template such as `blast/jobs/{id}`. Raises CannotStart."""
    segments = template.strip("/").split("/")
    pattern = "".join(_segment(text, first=number == 0) for number, text in enumerate(segments))
    return Route(template, re.compile(pattern, re.IGNORECASE))


def _segment(segment: str, first: bool) -> str:
    slash = "" if first else "/"
    whole = _PARAMETER.fullmatch(segment)
    if whole and whole[1]:
        return f"(?:{slash}(?P<{whole[2]}>.*))?"
    if whole and whole[4]:
        return f"(?:{slash}(?P<{whole[2]}>{_constraint_pattern(whole[3])}))?"
    ends = [0, *(at for m in _PARAMETER.finditer(segment) for at in m.span()), len(segment)]
    literals = [re.escape(segment[a:b]) for a, b in zip(ends[::2], ends[1::2], strict=True)]
    groups = [f"(?P<{m[2]}>{_constraint_pattern(m[3])})" for m in _PARAMETER.finditer(segment)]
    return slash + literals[0] + "".join(g + t for g, t in zip(groups, literals[1:], strict=True))


def _constraint_pattern(constraint: str | None) -> str:
    if constraint is None:
        return "[^/]+"
    if constraint not in _CONSTRAINTS:
        raise CannotStart(f"unsupported route constraint {constraint!r}")
    return _CONSTRAINTS[constraint]
