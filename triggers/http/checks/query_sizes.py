"""How large the queries of a planned submission are, and what they look like. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.blast.fasta import Fasta, read_fasta
from triggers.submission.checks import QueryCheck, searches_of
from triggers.submission.named_queries import NamedQuery
from triggers.submission.parse import Submission
from triggers.submission.query_checks import composition


@dataclass(frozen=True)
class QuerySizes:
    """The sizes of all queries of a submission together."""

    sequences: int
    residues: int
    batches: int
    jobs: int
    """Blast Jobs: more than batches where databases are in shards."""
    batch_lens: tuple[int, ...]
    compositions: tuple[str, ...]

    @staticmethod
    def of(submission: Submission, check: QueryCheck) -> "QuerySizes":
        """The sizes of a submission without faults; reads its texts."""
        sizings = [spec.search.sizing for _, spec in searches_of(submission)]
        queries = list(_queries(submission, check))
        batches = [
            fasta.batches(sizing.batch_len)
            for (fasta, _), sizing in zip(queries, sizings, strict=True)
        ]
        jobs = (n * max(1, s.db_partitions) for n, s in zip(batches, sizings, strict=True))
        return QuerySizes(
            sequences=sum(fasta.sequences for fasta, _ in queries),
            residues=sum(fasta.residues for fasta, _ in queries),
            batches=sum(batches),
            jobs=sum(jobs),
            batch_lens=tuple(dict.fromkeys(sizing.batch_len for sizing in sizings)),
            compositions=tuple(dict.fromkeys(composition for _, composition in queries)),
        )

    @property
    def sentence(self) -> str:
        most = f"{max(self.batch_lens):,}"
        jobs = f", {self.jobs} Jobs with their shards" if self.jobs != self.batches else ""
        return (
            f"{self.sequences} sequences, {self.residues} residues, {self.batches} batches of at"
            f" most {most}{jobs}; looks like {' and '.join(self.compositions)}"
        )


def _queries(submission: Submission, check: QueryCheck) -> Iterator[tuple[Fasta, str]]:
    """Each search's query, and what it looks like."""
    read: dict[str, tuple[Fasta, str]] = {}
    for _, spec in searches_of(submission):
        if spec.query_text is None:
            content = check.contents[NamedQuery.of(spec.search)]
            assert content.fasta is not None  # the check has no faults
            yield content.fasta, content.composition
            continue
        if spec.query_text not in read:
            fasta = read_fasta(spec.query_text, None)
            read[spec.query_text] = fasta, composition(fasta)
        yield read[spec.query_text]
