"""The allow-list of BLAST+ options."""

import re
import shutil
import subprocess

import pytest

from shared.contracts.search import Program
from shared.elastic_blast.allowed_options import EXCLUSIVE, FLAGS, faults, value_of

BINARIES = {program: shutil.which(program) or shutil.which(f"{program}+") for program in Program}
"""Debian names one of them `rpsblast+`."""


@pytest.mark.parametrize("program", Program)
def test_each_program_has_exactly_its_allowed_flags(program: Program) -> None:
    binary = BINARIES[program]
    assert binary, f"{program} is not installed"
    text = subprocess.run([binary, "-help"], capture_output=True, text=True, timeout=60).stdout
    known = set(re.findall(r"^ (-[a-z_]+)", text, re.MULTILINE)) & set(FLAGS)
    assert {flag for flag, (_, programs) in FLAGS.items() if program in programs} == known


def test_exclusive_flags_are_those_of_the_blast_help() -> None:
    """Each pair is in the `-help` of blastn, and no pair of allowed flags there is left out."""
    binary = BINARIES[Program.BLASTN]
    assert binary
    text = subprocess.run([binary, "-help"], capture_output=True, text=True, timeout=60).stdout
    parts = re.split(r"^ (-[a-z_]+)", text, flags=re.MULTILINE)
    documented = set()
    for flag, description in zip(parts[1::2], parts[2::2], strict=True):
        others = re.search(r"\* Incompatible with:((?:[^*\n]|\n {4,}(?! *\*))*)", description)
        for other in re.findall(r"\w+", others[1]) if others else []:
            if {flag, f"-{other}"} <= set(FLAGS):
                documented.add(frozenset((flag, f"-{other}")))
    assert documented == {frozenset(pair) for pair in EXCLUSIVE}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-outfmt 7 -evalue 0.01 -max_target_seqs 500",
        "-outfmt 6 qseqid sseqid pident",
        "-evalue 1e-30 -penalty -3 -reward 2 -dust no -lcase_masking",
        "-taxids 9606,10090 -task megablast -strand plus",
        "-query_loc 10-200 -window_masker_taxid 9606",
        "-query_loc 7-7 -searchsp 32156241807668 -dbsize 123456789012",
    ],
)
def test_ordinary_options_are_accepted(text: str) -> None:
    assert list(faults(Program.BLASTN, text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "-db other",
        "-query /etc/hostname",
        "-out /tmp/x",
        "-remote",
        "-num_threads 64",
        "-import_search_strategy x",
        "-export_search_strategy x",
        "-taxidlist /etc/hosts",
        "-negative_gilist x",
        "-seqidlist x",
        "-in_pssm x",
        "-window_masker_db x",
        "-window_masker_taxid /etc/hosts",
        "-window_masker_taxid 9606,9605",
        "-query_loc 200-10",
        "-query_loc 0-10",
        "-query_loc 10",
        "-query_loc -5-10",
        "-query_loc 1-2-3",
        "-searchsp 1e9",
        "-taxids 9606 -negative_taxids 9605",
        "-max_target_seqs 5 -num_alignments 5",
        "-html",
        "-outfmt 19",
        "-outfmt",
        "-outfmt 5 qseqid",
        "-outfmt 6 qseqid;ls",
        "-evalue",
        "-evalue ten",
        "-evalue 1 2",
        "-evalue 1 -evalue 2",
        "-lcase_masking yes",
        "-matrix BLOSUM62",
        "stray -evalue 1",
        "-evalue '1'",
        '-outfmt "6 qseqid"',
        "-evalue 1\n-db x",
        "-evalue 1\t",
        "-evalue $(id)",
        "-evalue `id`",
        "-evalue 1;id",
        "-evalue 1|id",
        "-evalue 1&&id",
        "-evalue 1>x",
        "-evalue {1}",
        "-evalue 1!",
        "-evalue 1\\",
        "-evalue 1%",
        "-evalue 1 " + "-lcase_masking " * 50,
    ],
)
def test_all_other_options_are_rejected(text: str) -> None:
    assert list(faults(Program.BLASTN, text))


def test_all_faults_are_reported() -> None:
    messages = list(faults(Program.BLASTP, "-db x -perc_identity 90 -evalue no"))
    assert len(messages) == 3


def test_a_value_is_found_by_its_flag() -> None:
    text = "-outfmt 6 qseqid sseqid -evalue 0.01"
    assert value_of(text, "-outfmt") == "6 qseqid sseqid"
    assert value_of(text, "-evalue") == "0.01"
    assert value_of(text, "-word_size") is None
