"""The parameter names of NCBI's URL API, and the parameters that change nothing.

Sources: NCBI's page "Common URL API", and what Biopython, BioPerl and R's annotate send.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum

from shared.errors import Fault


class UrlCommand(StrEnum):
    """The values of CMD."""

    PUT = "put"
    GET = "get"
    DELETE = "delete"
    INFO = "info"
    WEB = "web"


NAMES = frozenset(
    name
    for line in (
        "ALIGNMENTS ALIGNMENT_VIEW AUTO_FORMAT CMD COMPOSITION_BASED_STATISTICS DATABASE",
        "DATABASE_SORT DB_GENETIC_CODE DESCRIPTIONS EMAIL ENDPOINTS ENTREZ_LINKS_NEW_WINDOW",
        "ENTREZ_QUERY EXPECT EXPECT_HIGH EXPECT_LOW FILTER FORMAT_ENTREZ_QUERY FORMAT_OBJECT",
        "FORMAT_TYPE GAPCOSTS GENETIC_CODE HITLIST_SIZE I_THRESH JOB_TITLE LAYOUT LCASE_MASK",
        "MATRIX MATRIX_NAME MEGABLAST NCBI_GI NUCL_PENALTY NUCL_REWARD NUM_THREADS",
        "OTHER_ADVANCED PERC_IDENT PHI_PATTERN PROGRAM PSSM QUERY QUERY_BELIEVE_DEFLINE",
        "QUERY_FILE QUERY_FROM QUERY_TO RESULTS_FILE RID SEARCHSP_EFF SERVICE",
        "SHORT_QUERY_ADJUST SHOW_OVERVIEW TEMPLATE_LENGTH TEMPLATE_TYPE THRESHOLD TOOL",
        "UNGAPPED_ALIGNMENT WORD_SIZE",
    )
    for name in line.split()
)
"""Every name that is known. Others are refused, too."""

IDENTIFYING = frozenset({"TOOL", "EMAIL"})
"""They name the client to the operator of the server, and are no part of a search."""

ON = frozenset({"on", "yes", "true", "t", "1"})
OFF = frozenset({"off", "no", "false", "f", "0"})

_NOTHING = frozenset({"(none)"})
NEUTRAL: Mapping[str, frozenset[str]] = {
    "AUTO_FORMAT": OFF,
    "ENTREZ_QUERY": _NOTHING,
    "FORMAT_ENTREZ_QUERY": _NOTHING,
    "I_THRESH": _NOTHING,
    "NCBI_GI": OFF,
    "PHI_PATTERN": _NOTHING,
    "QUERY_BELIEVE_DEFLINE": OFF,
    "SHORT_QUERY_ADJUST": OFF,
}
"""By name: the values, in small letters, with which it asks for nothing."""


def is_neutral(name: str, value: str) -> bool:
    """Whether the parameter asks for nothing."""
    return name in IDENTIFYING or value.strip().lower() in NEUTRAL.get(name, ())


def unusable(parameters: Mapping[str, str], usable: frozenset[str], cmd: str) -> Iterator[Fault]:
    """A fault for each parameter that the command cannot honour: nothing is ignored."""
    for name, value in parameters.items():
        if name in usable or name == "CMD" or is_neutral(name, value):
            continue
        if name not in NAMES:
            yield Fault(name, "is not a parameter of the URL API")
        elif name in NEUTRAL:
            values = " or ".join(sorted(NEUTRAL[name]))
            yield Fault(name, f"is not supported here: leave it out, or send {values}")
        else:
            yield Fault(name, f"cannot be used with CMD={cmd} here: leave it out")
