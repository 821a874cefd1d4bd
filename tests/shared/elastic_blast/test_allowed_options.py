"""The allow-list of BLAST+ options."""

import re
import subprocess

import pytest

from shared.contracts.search import Program
from shared.elastic_blast.allowed_options import faults, value_of
from shared.elastic_blast.option_rules import EXCLUSIVE
from shared.elastic_blast.option_table import OPTIONS
from tests.support.blast_oracle import BINARIES

NOT_IN_HELP = {("-ungapped", "-use_sw_tback")}
"""An exclusive pair for which BLAST+ crashes."""
USELESS = {
    (Program.RPSTBLASTN, "-ungapped"),  # it crashes
    (Program.RPSBLAST, "-best_hit_overhang"),  # so does it
    (Program.RPSBLAST, "-best_hit_score_edge"),  # and here
    (Program.TBLASTX, "-max_intron_length"),  # it takes 0 only
}
"""Flags in the help that are not allowed."""


@pytest.mark.parametrize("program", Program)
def test_each_program_has_exactly_its_allowed_flags(program: Program) -> None:
    binary = BINARIES[program]
    assert binary, f"{program} is not installed"
    text = subprocess.run([binary, "-help"], capture_output=True, text=True, timeout=60).stdout
    known = set(re.findall(r"^ (-[a-z_]+)", text, re.MULTILINE)) & set(OPTIONS)
    allowed = {flag for flag, values in OPTIONS.items() if program in values}
    assert known - allowed == {flag for other, flag in USELESS if other is program}
    assert allowed <= known


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
            if {flag, f"-{other}"} <= set(OPTIONS):
                documented.add(frozenset((flag, f"-{other}")))
    assert documented == {frozenset(pair) for pair in set(EXCLUSIVE) - NOT_IN_HELP}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-outfmt 7 -evalue 0.01 -max_target_seqs 500",
        "-outfmt 6 qseqid sseqid pident",
        "-evalue 1e-30 -penalty -3 -reward 2 -dust no -lcase_masking",
        "-taxids 9606,10090 -task megablast -strand plus",
        "-query_loc 10-200 -window_masker_taxid 9606",
        "-query_loc 7-8 -searchsp 32156241807668 -dbsize 978954058562",
        "-evalue .5 -perc_identity 99.12345678901234567890",
        "-outfmt 17 SQ",
        "-task dc-megablast -template_type coding -template_length 18 -word_size 12",
        "-num_alignments 0 -num_descriptions 5 -outfmt 0",
        "-reward 2 -penalty -3 -gapopen 5 -gapextend 2",
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
        "-query_loc 7-7",
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
        "-outfmt 13",
        "-outfmt 14",
        "-outfmt 6 foo",
        "-outfmt 17 qseqid",
        "-word_size 3",
        "-task foo",
        "-task blastp",
        "-gapopen 5",
        "-evalue 0",
        "-evalue 1e-400",
        "-evalue 1e400",
        "-perc_identity 100.1",
        "-max_target_seqs 0",
        "-max_hsps 0",
        "-best_hit_overhang 0.5",
        "-culling_limit 1 -best_hit_overhang 0.1",
        "-reward 5 -penalty -2",
        "-penalty 0",
        "-no_greedy",
        "-off_diagonal_range 5",
        "-template_type coding",
        "-template_type coding -template_length 18",
        "-task dc-megablast -word_size 28",
        "-num_alignments 0 -outfmt 6",
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


@pytest.mark.parametrize(
    ("program", "text", "is_allowed"),
    [
        (Program.BLASTP, "-gapopen 11", True),
        (Program.BLASTP, "-gapopen 14", False),
        (Program.BLASTP, "-matrix PAM30 -gapopen 10", True),
        (Program.BLASTP, "-matrix PAM30 -gapopen 11", False),
        (Program.BLASTP, "-task blastp-short -gapextend 2", False),
        (Program.BLASTP, "-ungapped", False),
        (Program.BLASTP, "-ungapped -comp_based_stats F", True),
        (Program.BLASTP, "-word_size 8", False),
        (Program.TBLASTX, "-word_size 6", False),
        (Program.BLASTX, "-matrix IDENTITY", False),
        (Program.BLASTP, "-matrix IDENTITY", True),
        (Program.BLASTX, "-query_gencode 7", False),
        (Program.BLASTP, "-threshold 0", False),
        (Program.BLASTP, "-outfmt 17", False),
        (Program.PSIBLAST, "-num_iterations 3 -inclusion_ethresh 0.002 -pseudocount 2", True),
        (Program.PSIBLAST, "-gap_trigger 22", True),
        (Program.BLASTP, "-num_iterations 3", False),
    ],
)
def test_failure_51_what_blast_refuses_is_refused_first(
    program: Program, text: str, is_allowed: bool
) -> None:
    assert (not list(faults(program, text))) is is_allowed


def test_a_fault_names_its_flag() -> None:
    found = list(faults(Program.BLASTN, "-evalue 0 -word_size 3 -dust maybe stray"))
    assert [fault.flag for fault in found] == ["-evalue", "-word_size", "-dust"]
    assert found[0].message == "-evalue must be a number greater than 0, not '0'"
    assert [fault.flag for fault in faults(Program.BLASTN, "-evalue 1 -dust 'yes'")] == ["-dust"]
