"""Real BLAST+ on small databases, and its hits as plain rows to compare with."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from Bio import SeqIO
from Bio.Seq import Seq

from local.demo.queries import DEMO_FASTA
from tests.shared.hits.reading import Hit

EVERY_COLUMN = " ".join(Hit._fields)
LIMIT = ("-evalue", "1e-3", "-max_target_seqs", "40")
ODD = ("lcl|odd", "sp|P01234|ORCH_A", "a=b;c,d", "gi|77|gb|AAA12345.1|", "x_y.1", "-dash", "q'1\"")


@dataclass
class Blast:
    """Runs searches in a folder, and caches their output."""

    folder: Path
    _outputs: dict[tuple[str, ...], bytes] = field(default_factory=dict)

    def prepare(self) -> None:
        records = list(SeqIO.parse(DEMO_FASTA, "fasta"))
        dna = [(record.description, str(record.seq)) for record in records]
        peptides = [
            (f"p{number} longest of {name}", _peptide(s))
            for number, (name, s) in enumerate(dna[:40])
        ]
        odd = [
            (f"{ODD[number]} words  and | bars", s)
            for number, (_, s) in enumerate(peptides[: len(ODD)])
        ]
        odd_dna = [
            (f"{ODD[number]} and > words", s[:400]) for number, (_, s) in enumerate(dna[: len(ODD)])
        ]
        unrelated = [("nothing like it", "ACGTTGCA" * 2 + "CCCGGGTATACG")]
        untitled = [("", dna[50][1][:300]), ("", dna[51][1])]
        reverse = [("minus strand", str(Seq(dna[3][1]).reverse_complement()))]
        self._write("dna", dna)
        self._write("odd_dna", [*odd_dna, *unrelated, *reverse])
        self._write("peptides", [*peptides, *odd])
        self._write("some_peptides", [*odd, *peptides[8:12], ("none", "WWWWWHHHHHCCCCC")])
        self._write("nothing", unrelated)
        self._write("untitled", untitled)
        for name, kind in (("dna", "nucl"), ("peptides", "prot"), ("untitled", "nucl")):
            self._run("makeblastdb", "-in", f"{name}.fa", "-dbtype", kind, "-out", name)

    def search(self, program: str, query: str, outfmt: str, *options: str) -> bytes:
        """The program's output for the queries in `query`."""
        kind = "peptides" if program in ("blastp", "blastx", "psiblast") else "dna"
        database = "untitled" if query == "untitled" else kind
        names = ("-db", database, "-query", f"{query}.fa")
        argv = (program, *names, "-outfmt", outfmt, *(options or LIMIT))
        if argv not in self._outputs:
            self._outputs[argv] = self._run(*argv)
        return self._outputs[argv]

    def rows(self, program: str, query: str, *options: str) -> list[list[str]]:
        """Every hit of the same search, with all columns as BLAST+ writes them."""
        text = self.search(program, query, f"6 {EVERY_COLUMN}", *options).decode()
        return [line.split("\t") for line in text.splitlines()]

    def _write(self, name: str, records: list[tuple[str, str]]) -> None:
        text = "".join(f">{title}\n{sequence}\n" for title, sequence in records)
        (self.folder / f"{name}.fa").write_text(text)

    def _run(self, *argv: str) -> bytes:
        completed = subprocess.run(argv, cwd=self.folder, capture_output=True, timeout=60)
        assert completed.returncode == 0, completed.stderr
        return completed.stdout


def table_values(hit: Hit) -> list[str]:
    """The hit's values in the number formats of BLAST+ 2.12 tables."""
    numbers = hit._replace(
        pident=f"{hit.pident:.3f}",  # type: ignore[arg-type]
        evalue=_evalue(hit.evalue or 0.0),  # type: ignore[arg-type]
        bitscore=_bits(hit.bitscore or 0.0),  # type: ignore[arg-type]
        ppos=f"{hit.ppos:.2f}",  # type: ignore[arg-type]
    )
    return [str(value) for value in numbers]


def adapted_to_xml(hit_values: Sequence[str], row: Sequence[str]) -> list[str]:
    """The table row with the known differences of BLAST+'s XML, where `hit_values` has them.

    Masked residues are X; a query whose title was parsed has only its accession; a bit score is
    rounded to six digits instead of truncated.
    """
    query, bits, sequence = hit_values[0], hit_values[11], hit_values[12]
    values = dict(zip(Hit._fields, row, strict=True))
    if query in values["qseqid"].split("|"):
        values["qseqid"] = query
    if "." not in bits and int(bits) == int(values["bitscore"]) + 1:
        values["bitscore"] = bits
    masked = zip(sequence, values["qseq"], strict=True)
    values["qseq"] = "".join("X" if text == "X" else other for text, other in masked)
    return list(values.values())


def _evalue(value: float) -> str:
    steps = ((1e-180, "0.0"), (9e-4, f"{value:.2e}"), (0.1, f"{value:.3f}"), (1.0, f"{value:.2f}"))
    return next((text for edge, text in steps if value < edge), f"{value:.{int(value < 10)}f}")


def _bits(value: float) -> str:
    return f"{int(value)}" if value > 99.9 else f"{value:.1f}"


def _peptide(dna: str) -> str:
    """The longest open reading frame of the six frames."""
    strands = (Seq(dna), Seq(dna).reverse_complement())
    frames = (s[f : f + (len(s) - f) // 3 * 3].translate() for s in strands for f in range(3))
    return max(re.split(r"\*", "*".join(map(str, frames))), key=len)
