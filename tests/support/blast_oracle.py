"""Real BLAST+ as the judge of queries and options: all eight programs on tiny databases."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.contracts.search import Program

BINARIES = {program: shutil.which(f"{program}+") or shutil.which(program) for program in Program}
"""Debian names one of them `rpsblast+`; without the plus it is an older program."""
NUCLEOTIDES = "CGTAACAAGGTTTCCGTAGGTGAACCTGCGGAAGGATCATTGATGAGACCGTGGAATAAACGATCGAGTGAATCCGGAGG"
RESIDUES = "MKWVTFISLLFLFSSAYSRGVFRRDAHKSEVAHRFKDLGEENFKALVLIAFAQYLQQ"
NUCLEOTIDE_QUERY = frozenset({Program.BLASTN, Program.BLASTX, Program.TBLASTX, Program.RPSTBLASTN})
_NUCLEOTIDE_DB = frozenset({Program.BLASTN, Program.TBLASTN, Program.TBLASTX})
_PROFILE_DB = frozenset({Program.RPSBLAST, Program.RPSTBLASTN})
_LENGTH = re.compile(rb"<Iteration_query-len>(\d+)<")
_DROPPED = re.compile(r"On line (\d+): ([\d, -]+)")
SECONDS, TIMED_OUT = 60, 124
"""A search that takes longer ends with this code, as by timeout(1)."""


@dataclass(frozen=True)
class Verdict:
    """How a program ended."""

    exit_code: int
    stderr: str
    lengths: tuple[int, ...]
    """Letters of each query, in XML."""

    @property
    def has_failed(self) -> bool:
        """Whether it failed; with XML it can stop in the middle, and exit with 0."""
        return self.exit_code != 0 or "Failed s_BlastXMLAddIteration" in self.stderr

    @property
    def finds_nothing(self) -> bool:
        """Whether it has no statistics for a search, which then finds nothing, with a warning."""
        return "Could not calculate ungapped Karlin-Altschul parameters" in self.stderr

    def has_dropped(self, text: str) -> bool:
        """Whether it dropped something of these lines other than white space, gaps and digits."""
        lines = re.split("\r\n|\r|\n", text)
        for number, places in _DROPPED.findall(self.stderr):
            line = lines[int(number) - 1].encode().strip(b" \t\v\f")
            for first, last in re.findall(r"(\d+)(?:-(\d+))?", places):
                if not line[int(first) - 1 : int(last or first)].isdigit():
                    return True
        return "Bad gap size" in self.stderr


@dataclass(frozen=True)
class BlastOracle:
    """Programs and databases in a folder. Create it by `make_oracle`."""

    folder: Path

    def run(self, program: Program, query: bytes, options: Sequence[str] = ()) -> Verdict:
        """Search the database of the program's type."""
        binary = BINARIES[program]
        assert binary, f"{program} is not installed"
        if program in _PROFILE_DB:
            database = "profiles"
        else:
            database = "nucleotides" if program in _NUCLEOTIDE_DB else "residues"
        with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".fa") as file:
            file.write(query)
            file.flush()
            command = [binary, "-db", database, "-query", file.name]
            try:
                done = subprocess.run(
                    [*command, *(options or ("-outfmt", "5"))],
                    cwd=self.folder,
                    capture_output=True,
                    timeout=SECONDS,
                )
            except subprocess.TimeoutExpired:
                return Verdict(TIMED_OUT, "", ())
        lengths = tuple(map(int, _LENGTH.findall(done.stdout)))
        return Verdict(done.returncode, done.stderr.decode(errors="replace"), lengths)


def make_oracle(folder: Path) -> BlastOracle:
    """Make the databases."""
    for name, letters, kind in (
        ("nucleotides", NUCLEOTIDES, "nucl"),
        ("residues", RESIDUES, "prot"),
    ):
        (folder / f"{name}.fa").write_text(f">s\n{letters}\n")
        _run(folder, "makeblastdb", "-in", f"{name}.fa", "-dbtype", kind, "-out", name)
    made = ("-out_pssm", "q.smp", "-save_pssm_after_last_round", "-out", "q.txt")
    query = ("-query", "residues.fa", "-db", "residues", "-num_iterations", "2")
    _run(folder, "psiblast", *query, *made)
    (folder / "profiles.pn").write_text("q.smp\n")
    profile = ("-in", "profiles.pn", "-dbtype", "rps", "-title", "profiles", "-out", "profiles")
    _run(folder, "makeprofiledb", *profile)
    return BlastOracle(folder)


def _run(folder: Path, *command: str) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=SECONDS)
