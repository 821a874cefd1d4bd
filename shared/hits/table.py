"""Hits as BLAST+'s own tables: outfmt 6, and outfmt 10 with quotes where a value has a comma."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.hits.columns import STANDARD, Kind, kind_of
from shared.hits.export import as_blast_writes, csv_text
from shared.hits.questions import HitsDatabase

ROWS = 5000
"""Rows that are rendered at a time."""


@dataclass(frozen=True)
class HitTable:
    """All hits of a search with the standard columns, in the order of the files."""

    database: HitsDatabase
    delimiter: str
    most_subjects: int | None = None
    """Of each query."""

    def pieces(self) -> Iterator[bytes]:
        """Whole lines. The subjects of a query follow each other, as BLAST+ writes them."""
        cells = ", ".join(map(self._cell, STANDARD))
        query, subjects, pair = None, 0, None
        for segment in self.database.relations.segments():
            sql = f"SELECT query, pair, concat_ws('{self.delimiter}', {cells}) FROM ({segment})"
            found = self.database.connection.execute(sql)
            while rows := found.fetchmany(ROWS):
                lines = []
                for row_query, row_pair, line in rows:
                    if row_query != query:
                        query, subjects, pair = row_query, 0, None
                    if row_pair != pair:
                        pair, subjects = row_pair, subjects + 1
                    if self.most_subjects is None or subjects <= self.most_subjects:
                        lines.append(f"{line}\n")
                yield "".join(lines).encode()

    def _cell(self, column: str) -> str:
        if self.delimiter == "," and kind_of(column) is Kind.TEXT:
            return csv_text(f'"{column}"')
        return as_blast_writes(column)
