"""The defaults of BLAST+, as the table has them, on real BLAST+."""

import random
import re
import subprocess
from pathlib import Path

import pytest

from shared.blast.databases import DatabaseType, is_compatible
from shared.blast.fasta import NUCLEOTIDE_QUERY
from shared.contracts.search import Program
from shared.elastic_blast.option_defaults import DEFAULTS
from shared.elastic_blast.option_table import OPTIONS
from tests.support.blast_oracle import BINARIES, SECONDS

HELP_HAS = ("-evalue", "-max_target_seqs", "-seg", "-dust", "-soft_masking", "-comp_based_stats")
OTHER_VALUES = {"-word_size": "2", "-gapopen": "10", "-gapextend": "2", "-threshold": "21"}
"""Values with which these searches of proteins find something else."""
MASKING_WORDS = {"12 2.2 2.5": "yes", "20 64 1": "yes"}


def test_each_default_is_of_an_option_of_the_program() -> None:
    for flag, defaults in DEFAULTS.items():
        for program, value in defaults.items():
            assert OPTIONS[flag][program].fault([value]) is None, (flag, program)


@pytest.mark.parametrize("program", Program)
def test_defaults_are_those_of_the_help(program: Program) -> None:
    binary = BINARIES[program]
    assert binary
    text = subprocess.run([binary, "-help"], capture_output=True, text=True, timeout=SECONDS).stdout
    for flag in HELP_HAS:
        section = re.search(rf"^ {flag} <.*?(?=^ -|^ \*)", text, re.MULTILINE | re.DOTALL)
        default = section and re.search(r"Default = `(.*?)'", section[0])
        value = default and MASKING_WORDS.get(default[1], default[1])
        assert DEFAULTS[flag].get(program) == value, flag


def mutated(letters: str, alphabet: str, chance: random.Random, share: float) -> str:
    return "".join(chance.choice(alphabet) if chance.random() < share else c for c in letters)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A nucleotide and a protein database, with queries that are similar to their sequences."""
    path, chance = tmp_path_factory.mktemp("defaults"), random.Random(7)
    codons = {"A": "GCT", "C": "TGT", "D": "GAT", "E": "GAA", "F": "TTT", "G": "GGT", "H": "CAT"}
    codons |= {"I": "ATT", "K": "AAA", "L": "CTG", "M": "ATG", "N": "AAT", "P": "CCT", "Q": "CAA"}
    codons |= {"R": "CGT", "S": "AGT", "T": "ACT", "V": "GTG", "W": "TGG", "Y": "TAT"}
    letters = "".join(codons)
    proteins = ["".join(chance.choices(letters, k=120)) for _ in range(12)]
    genes = ["".join(map(codons.__getitem__, protein)) for protein in proteins]
    similar = [
        mutated(protein, letters, chance, 0.45 + n / 60) for n, protein in enumerate(proteins)
    ]
    similar = [protein[:40] + protein[44:] for protein in similar]
    near = [
        gene[n : n + 26 + n % 6] + mutated(gene, "ACGT", chance, 0.3)
        for n, gene in enumerate(genes)
    ]
    write(path / "p.fa", proteins)
    write(path / "n.fa", genes)
    write(path / "qp.fa", similar)
    write(path / "qx.fa", ["".join(map(codons.__getitem__, protein)) for protein in similar])
    write(path / "qn.fa", near)
    for name, kind in (("p", "prot"), ("n", "nucl")):
        command = ["makeblastdb", "-in", f"{name}.fa", "-dbtype", kind, "-out", name]
        subprocess.run(command, cwd=path, check=True, capture_output=True, timeout=SECONDS)
    return path


def write(path: Path, sequences: list[str]) -> None:
    path.write_text("".join(f">s{n}\n{text}\n" for n, text in enumerate(sequences)))


def hits(folder: Path, program: Program, *options: str) -> str:
    binary = BINARIES[program]
    assert binary
    query = "qp" if program not in NUCLEOTIDE_QUERY else "qn" if program is Program.BLASTN else "qx"
    database = "n" if is_compatible(program, DatabaseType.NUCLEOTIDE) else "p"
    command = [binary, "-query", f"{query}.fa", "-db", database, "-outfmt", "6", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.acceptance
@pytest.mark.parametrize(
    "program",
    [program for program in Program if not program.startswith("rps")],  # profiles need another set
)
def test_a_default_finds_what_the_search_without_it_finds(folder: Path, program: Program) -> None:
    expected = hits(folder, program)
    for flag, defaults in DEFAULTS.items():
        if program in defaults:
            assert hits(folder, program, flag, defaults[program]) == expected, flag
    for flag, value in OTHER_VALUES.items():
        if program in DEFAULTS[flag] and program is not Program.BLASTN:
            assert hits(folder, program, flag, value) != expected, flag
