"""CMD=Put: the parameters of the URL API as the fields of a submission."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from shared.errors import Fault
from shared.url_api.get import read_get
from shared.url_api.names import OFF, ON, unusable

PROGRAMS = ("blastn", "blastp", "blastx", "tblastn", "tblastx")
OUTFMT = "5"
"""XML: the one format from which all others that are offered can be made."""
LAST_POSITION = 999_999_999
"""BLAST+ ends a range at the end of the query."""
ADDITIONAL = "additional_options"

_FIELDS = {
    "DATABASE": "db",
    "EXPECT": "evalue",
    "HITLIST_SIZE": "max_target_seqs",
    "JOB_TITLE": "job_title",
    "PERC_IDENT": "perc_identity",
    "THRESHOLD": "threshold",
    "WORD_SIZE": "word_size",
}
"""By parameter: the field of a submission that has its value unchanged."""
_FLAGS = {
    "DB_GENETIC_CODE": "-db_gencode",
    "GENETIC_CODE": "-query_gencode",
    "NUCL_PENALTY": "-penalty",
    "NUCL_REWARD": "-reward",
    "SEARCHSP_EFF": "-searchsp",
}
_SWITCHES = {"LCASE_MASK": "-lcase_masking", "UNGAPPED_ALIGNMENT": "-ungapped"}
_OTHERS = (
    *(
        "COMPOSITION_BASED_STATISTICS",
        "FILTER",
        "FORMAT_OBJECT",
        "GAPCOSTS",
        "MATRIX",
        "MATRIX_NAME",
    ),
    *("MEGABLAST", "PROGRAM", "QUERY", "QUERY_FROM", "QUERY_TO", "SERVICE"),
)
KEPT = ("ALIGNMENTS", "ALIGNMENT_VIEW", "DESCRIPTIONS", "FORMAT_TYPE")
"""Kept for CMD=Get, which may have others: BioPerl sends them with both."""
USABLE = frozenset({*_FIELDS, *_FLAGS, *_SWITCHES, *_OTHERS, *KEPT})
_REQUIRED = ("PROGRAM", "DATABASE", "QUERY")

_WITHOUT_STATISTICS = ("blastn", "tblastx")
"""They never adjust scores to the composition: BioPerl sends `off` with every search."""
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_GAP_COSTS = re.compile(r"\s*([0-9]{1,6})[\s,]+([0-9]{1,6})\s*")
_FILTER = re.compile(r"[;,\s]*(m)?[;,\s]*([LTF])[;,\s]*(m)?[;,\s]*")
_ACCESSION = re.compile(r"([A-Za-z]{1,6}_?[0-9]{3,}(\.[0-9]+)?|[0-9]{3,}|[A-Za-z]+\|\S+)")


@dataclass(frozen=True)
class PutRequest:
    """The fields of a submission, and the faults that were found so far, by parameter."""

    fields: Mapping[str, Any]
    faults: tuple[Fault, ...]
    report: str
    """The parameters that CMD=Get has unless it names others, URL-encoded."""
    names: Mapping[str, str]
    """By field or flag: the parameter that gave it."""

    def named(self, fault: Fault) -> Fault:
        """A fault of a field, under the name of the parameter that gave it."""
        name = self.names.get(fault.path.partition(".")[0])
        if fault.path == ADDITIONAL:
            name = self.names.get(fault.message.partition(" ")[0])
        return replace(fault, path=name or fault.path)


def read_put(parameters: Mapping[str, str]) -> PutRequest:
    """Translate the parameters; what cannot be honoured is a fault."""
    reader = _PutReader(parameters)
    reader.faults += unusable(parameters, USABLE, "Put")
    reader.faults += [Fault(name, "is required") for name in _REQUIRED if name not in parameters]
    reader.read()
    report = {name: parameters[name] for name in KEPT if name in parameters}
    reader.faults += read_get({"RID": "", **report})[1]
    given = {key: name for key, name in _ALTERNATIVES if name in parameters}
    names = _PARAMETERS | given
    return PutRequest(reader.fields, tuple(reader.faults), urlencode(report), names)


@dataclass
class _PutReader:
    values: Mapping[str, str]
    faults: list[Fault] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=lambda: {"outfmt": OUTFMT})
    flags: list[str] = field(default_factory=list)

    def read(self) -> None:
        for name, key in _FIELDS.items():
            if name in self.values:
                self.fields[key] = self.values[name].strip()
        self._read_program()
        self._read_query()
        self._read_filter()
        self._read_scores()
        for name, flag in _FLAGS.items():
            if (value := self._integer(name)) is not None:
                self.flags.append(f"{flag} {value}")
        self.flags += [flag for name, flag in _SWITCHES.items() if self._switch(name)]
        if self._word("FORMAT_OBJECT") not in ("", "alignment"):
            self._refuse("FORMAT_OBJECT", "must be Alignment: CMD=Get can ask for SearchInfo")
        self.fields[ADDITIONAL] = " ".join(self.flags)

    def _read_program(self) -> None:
        program, service = self._word("PROGRAM"), self._word("SERVICE")
        if service not in ("", "plain", "megablast"):
            self._refuse("SERVICE", "must be plain or megablast: no other service is offered")
        is_megablast = self._switch("MEGABLAST") or service == "megablast"
        if program and program not in PROGRAMS:
            self._refuse("PROGRAM", f"must be one of {', '.join(PROGRAMS)}")
            return
        if program:
            self.fields["program"] = program
        if program == "blastn":
            # BLAST+ alone would take megablast, which NCBI's URL API has to be asked for.
            self.flags.append(f"-task {'megablast' if is_megablast else 'blastn'}")
        elif program and is_megablast:
            name = "SERVICE" if service == "megablast" else "MEGABLAST"
            self._refuse(name, f"is for blastn, not for {program}")

    def _read_query(self) -> None:
        query = self.values.get("QUERY", "")
        text = query.strip()
        if text and not text.startswith(">") and _ACCESSION.fullmatch(text):
            self._refuse("QUERY", "is an accession: send the sequence, in FASTA or alone")
        elif text:
            # BLAST+ also takes a sequence without a header, which has no name then.
            self.fields["query_data"] = query if text.startswith(">") else f">\n{query}"
        first, last = self._integer("QUERY_FROM"), self._integer("QUERY_TO")
        if first is not None or last is not None:
            self.flags.append(f"-query_loc {first or 1}-{last or LAST_POSITION}")

    def _read_filter(self) -> None:
        value = self.values.get("FILTER")
        if value is None:
            return
        match = _FILTER.fullmatch(value)
        is_soft = match is not None and bool(match[1] or match[3])
        if match is None or (match[1] and match[3]) or (is_soft and match[2] == "F"):
            self._refuse("FILTER", "must be F, L or T, or mL to mask for the lookup table only")
            return
        self.fields["low_complexity_filter"] = match[2] != "F"
        if match[2] != "F":
            self.fields["soft_masking"] = is_soft

    def _read_scores(self) -> None:
        statistics = self._word("COMPOSITION_BASED_STATISTICS")
        if statistics in OFF and self.fields.get("program") not in _WITHOUT_STATISTICS:
            self.fields["comp_based_stats"] = "0"
        elif statistics not in OFF | {""}:
            self.fields["comp_based_stats"] = statistics
        if value := self.values.get("GAPCOSTS"):
            if costs := _GAP_COSTS.fullmatch(value):
                self.fields |= {"gap_open": int(costs[1]), "gap_extend": int(costs[2])}
            else:
                self._refuse("GAPCOSTS", "must be two numbers: to open and to extend a gap")
        matrices = {self.values[n].strip() for n in ("MATRIX", "MATRIX_NAME") if n in self.values}
        if len(matrices) > 1:
            self._refuse("MATRIX_NAME", "and MATRIX have different values: send one of them")
        elif matrices:
            self.fields["matrix"] = matrices.pop()

    def _word(self, name: str) -> str:
        return self.values.get(name, "").strip().lower()

    def _switch(self, name: str) -> bool:
        word = self._word(name)
        if word and word not in ON | OFF:
            self._refuse(name, "must be on or off")
        return word in ON

    def _integer(self, name: str) -> int | None:
        text = self.values.get(name, "").strip()
        if not text:
            return None
        if not _INTEGER.fullmatch(text):
            self._refuse(name, "must be an integer")
            return None
        number = int(text)
        if name.startswith("QUERY_") and number < 1:
            self._refuse(name, "must be a position in the query, from 1")
            return None
        return number

    def _refuse(self, name: str, message: str) -> None:
        self.faults.append(Fault(name, message))


_PARAMETERS = {
    **{key: name for source in (_FIELDS, _FLAGS, _SWITCHES) for name, key in source.items()},
    "program": "PROGRAM",
    "-task": "MEGABLAST",
    "query_data": "QUERY",
    "-query_loc": "QUERY_FROM",
    "low_complexity_filter": "FILTER",
    "soft_masking": "FILTER",
    "comp_based_stats": "COMPOSITION_BASED_STATISTICS",
    "gap_open": "GAPCOSTS",
    "gap_extend": "GAPCOSTS",
    "matrix": "MATRIX_NAME",
    "outfmt": "QUERY",
}
"""By field or flag: the parameter that gives it. XML cannot hold some titles of queries."""
_ALTERNATIVES = (("matrix", "MATRIX"), ("-query_loc", "QUERY_TO"), ("-query_loc", "QUERY_FROM"))
