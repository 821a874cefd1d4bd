"""Which hits a question is about."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from shared.hits.database import name

TEXT_COLUMNS = ("sseqid", "stitle", "salltitles", "sscinames", "ssciname", "staxids")
"""The columns in which a text is looked for, beside the ids of queries."""
ORGANISM_COLUMNS = ("sscinames", "ssciname", "stitle", "sseqid", "staxids")
TAXID_COLUMNS = ("staxids", "staxid")


@dataclass(frozen=True)
class Filter:
    """What a hit must have; None for no condition. Percentages are 0 to 100.

    Texts are looked for in any letter case. Limits of identity, bit score and e-value have no
    effect on a search that did not request that column; else a hit without a value does not pass,
    as one without a known coverage.
    """

    query_id: str | None = None
    subject: str | None = None
    """A part of the subject's id."""
    taxid: int | None = None
    organism: str | None = None
    """A part of the subject's scientific name, title, id or taxids."""
    text: str | None = None
    """A part of any id, title or name."""
    file: int | None = None
    """The number of a result file."""
    min_identity: float | None = None
    max_identity: float | None = None
    min_bitscore: float | None = None
    min_evalue: float | None = None
    max_evalue: float | None = None
    min_query_cover: float | None = None
    max_query_cover: float | None = None

    @property
    def is_empty(self) -> bool:
        """Whether every hit passes."""
        return self == Filter()

    @property
    def has_text(self) -> bool:
        """Whether a text is looked for."""
        return any(text is not None for text in (self.subject, self.organism, self.text))

    @property
    def needs_coverage(self) -> bool:
        """Whether the query's coverage is looked at."""
        return (self.min_query_cover, self.max_query_cover) != (None, None)


@dataclass(frozen=True)
class Condition:
    """A condition of SQL, and the values of its `?`."""

    sql: str
    values: tuple[Any, ...] = ()


ALL = Condition("true")


def condition(
    wanted: Filter, columns: tuple[str, ...], numbers: list[int] | None, with_text: Condition | None
) -> Condition:
    """The condition for hits of files with these columns; `numbers` are those of the wanted query,
    and `with_text` is the condition for queries whose ids have the text, if there are any."""
    parts = list(_parts(wanted, columns, with_text))
    if numbers is not None:
        listed = ", ".join(map(str, numbers)) or "NULL"
        parts.append(Condition(f"query IN ({listed})"))
    if not parts:
        return ALL
    sql = " AND ".join(part.sql for part in parts)
    return Condition(sql, tuple(value for part in parts for value in part.values))


def _parts(
    wanted: Filter, columns: tuple[str, ...], with_text: Condition | None
) -> Iterator[Condition]:
    yield from _limits(wanted, columns)
    for searched, text in ((("sseqid",), wanted.subject), (ORGANISM_COLUMNS, wanted.organism)):
        if text is not None:
            yield _contains(searched, columns, text)
    if wanted.text is not None:
        in_hits = _contains(TEXT_COLUMNS, columns, wanted.text)
        if with_text is None:
            yield in_hits
        else:
            values = (*in_hits.values, *with_text.values)
            yield Condition(f"({in_hits.sql} OR {with_text.sql})", values)
    if wanted.taxid is not None:
        yield _has_taxid(columns, wanted.taxid)


def _limits(wanted: Filter, columns: tuple[str, ...]) -> Iterator[Condition]:
    for column, sign, value in (
        ("pident", ">=", wanted.min_identity),
        ("pident", "<=", wanted.max_identity),
        ("bitscore", ">=", wanted.min_bitscore),
        ("evalue", ">=", wanted.min_evalue),
        ("evalue", "<=", wanted.max_evalue),
    ):
        # The dashboard always sends an e-value, and shows the hits of a search without e-values.
        if value is not None and column in columns:
            yield Condition(f"{column} {sign} ?", (value,))
    for column, sign, value in (
        ("file", "=", wanted.file),
        ("coverage", ">=", wanted.min_query_cover),
        ("coverage", "<=", wanted.max_query_cover),
    ):
        if value is not None:
            yield Condition(f"{column} {sign} ?", (value,))


def _contains(searched: tuple[str, ...], columns: tuple[str, ...], text: str) -> Condition:
    tests = [f"contains(lower({name(column)}), ?)" for column in searched if column in columns]
    values = (text.lower(),) * len(tests)
    return Condition(f"({' OR '.join(tests)})" if tests else "false", values)


def _has_taxid(columns: tuple[str, ...], taxid: int) -> Condition:
    column = next((column for column in TAXID_COLUMNS if column in columns), None)
    if column is None:
        return Condition("false")
    if column == "staxid":
        return Condition("staxid = ?", (taxid,))
    return Condition("list_contains(string_split(staxids, ';'), ?)", (str(taxid),))
