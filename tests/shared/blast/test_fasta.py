"""What the reader of FASTA makes of each kind of line. `test_fasta_oracle` compares with BLAST+."""

import pytest

from shared.blast.fasta import MOST_FAULTS, read_fasta
from shared.contracts.search import Program

SEQUENCE = "CGTAACAAGGTTTCCGTAGG"
RECORD = f">a\n{SEQUENCE}\n"


def written(text: str, program: Program | None = Program.BLASTN) -> str:
    fasta = read_fasta(text, program)
    assert not fasta.faults
    return fasta.text


def fault(text: str, program: Program | None = Program.BLASTN) -> str:
    return "; ".join(fault.message for fault in read_fasta(text, program).faults)


@pytest.mark.parametrize(
    "text",
    [
        RECORD,
        RECORD.rstrip(),
        RECORD.replace("\n", "\r\n"),
        RECORD.replace("\n", "\r"),
        f"\n \n{RECORD}\n",
        f";comment\n>a\n;another\n{SEQUENCE[:10]};and one\n{SEQUENCE[10:]}\n",
        f"#c\n!c\n{RECORD}  ;c\n",
        f">a\n{SEQUENCE[:10]} {SEQUENCE[10:]}\n",
        f">a\n\t{SEQUENCE}\v\f\n",
        f">a\n1 {SEQUENCE[:10]} {SEQUENCE[10:]} 20\n",
        f">a\n{SEQUENCE[:10]}---{SEQUENCE[10:]}\n-----\n",
        f"\ufeff{RECORD}",
    ],
)
def test_failure_56_lines_are_written_in_one_form(text: str) -> None:
    assert written(text).replace(f"{SEQUENCE[:10]}\n", SEQUENCE[:10]) == RECORD


@pytest.mark.parametrize("odd", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\x00"])
def test_failure_56_only_cr_and_lf_end_a_line(odd: str) -> None:
    text = f">a one{odd}two\n{SEQUENCE}\n"
    assert written(text) == text


@pytest.mark.parametrize("space", [" ", "\t", "\x0b", "\x0c", "\xa0", "\u3000"])
def test_failure_56_an_indented_header_is_refused(space: str) -> None:
    expected = "line 3 has white space before '>', so that BLAST reads it as sequence"
    assert fault(f"{RECORD}{space}>b\n{SEQUENCE}\n") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "has no sequence"),
        (";only a comment\n \n", "has no sequence"),
        (">a\n", "the sequence at line 1 is empty"),
        (">a\n>b\nACGT\n", "the sequence at line 1 is empty"),
        (f"{RECORD}>b\n;nothing\n", "the sequence at line 3 is empty"),
        (SEQUENCE, "must begin with a line that starts with '>'"),
        (">a\nACGTX\n", "line 2 has 'X', which is not a nucleotide code"),
        (">a\nACGT*\n", "line 2 has '*', which is not a nucleotide code"),
        (
            ">a\nACGTACGT\xa0A\n",
            "line 2 has U+00A0 (NO-BREAK SPACE), which is not a nucleotide code",
        ),
        (
            ">a\nAC\ufeffGT\n",
            "line 2 has U+FEFF (ZERO WIDTH NO-BREAK SPACE), which is not a nucleotide code",
        ),
        (">a\nACGTACGT\x00A\n", "line 2 has U+0000, which is not a nucleotide code"),
        (
            ">a\n>?100\nACGT\n",
            "the sequence at line 1 is empty; line 2 begins with '>?', which BLAST reads as a gap",
        ),
    ],
)
def test_a_fault_names_its_line_and_its_character(text: str, expected: str) -> None:
    assert fault(text) == expected


def test_an_accession_is_refused_with_what_to_do() -> None:
    assert "no sequence is fetched for an accession" in fault("NM_000014.6\n")


@pytest.mark.parametrize("line", ["-" * 60, "--A-", "AC;comment", "12", "-", "1 AC", "[", "."])
def test_a_first_line_without_letters_is_refused_as_blast_does(line: str) -> None:
    text = f"{RECORD}>aligned\n{line}\n{SEQUENCE}\n"
    few = "line 4 is the first of its sequence and has too few letters, so that BLAST refuses it"
    assert fault(text) in (few, f"line 4 has '{line}', which is not a nucleotide code")
    assert "first" not in fault(f"{RECORD}>aligned\n{SEQUENCE}\n{line}\n")


@pytest.mark.parametrize("line", ["A", "-A", "A-C", "AC", "ACG---------", "ACG;comment"])
def test_a_short_first_line_is_accepted(line: str) -> None:
    assert not fault(f">a\n{line}\n")


def test_each_alphabet_is_the_one_that_blast_keeps() -> None:
    """A fault for what BLAST+ would only drop: I and X in nucleotides, nothing in proteins."""
    assert not fault(">a\nACGTUNRYKMSWBDHVacgtunrykmswbdhv\n")
    for letter in "EFIJLOPQXZefijlopqxz*":
        assert fault(f">a\nACGT{letter}\n")
        assert not fault(f">a\nMKWV{letter}\n", Program.BLASTP)
    assert not fault(">a\nMKWVJUO*\n", None)
    assert fault(">a\nMKWV.\n", None)


def test_psiblast_fails_for_a_sequence_of_unknown_residues_only() -> None:
    for letters in ("XXXX", "xO*", "***"):
        assert "with which psiblast fails" in fault(f">a\n{letters}\n", Program.PSIBLAST)
        assert not fault(f">a\n{letters}\n", Program.BLASTP)
    assert not fault(">a\nXXXX\nM\n", Program.PSIBLAST)


def test_sequences_without_a_name_are_numbered_over_the_whole_query() -> None:
    fasta = read_fasta(">\nAC\n>b\nGT\n> \t\nAA\n", Program.BLASTN)
    assert fasta.text == ">Query_1\nAC\n>b\nGT\n>Query_3\nAA\n"
    assert fasta.warnings == (
        "has 2 sequences without a name: they are called Query_ and their number",
    )


def test_what_is_changed_or_can_surprise_is_reported() -> None:
    text = "\ufeff>a x\nACG-TA--\n>a\n1 ACGT 4\n"
    assert read_fasta(text, Program.BLASTN).warnings == (
        "begins with a byte-order mark, which was removed",
        "has 3 gaps ('-'), which were removed",
        "has 2 digits among the letters, which were removed",
        "has 1 sequences with the name of an earlier one, such as at lines 1 and 3: their hits"
        " cannot be distinguished",
    )
    assert read_fasta(RECORD, Program.BLASTN).warnings == ()


@pytest.mark.parametrize("title", ["q 37°C", "é b", "a\x01€", "a", "ÿ "])
def test_xml_holds_titles_in_latin_1(title: str) -> None:
    ends_beyond_ascii = title == "ÿ "
    fasta = read_fasta(f">{title}\n{SEQUENCE}\n", Program.BLASTN)
    assert bool(fasta.lines_not_for_xml) is ends_beyond_ascii


@pytest.mark.parametrize("title", ["β-lactamase", "a 5€ b", "café", "\u2028"])
def test_xml_cannot_hold_other_titles(title: str) -> None:
    fasta = read_fasta(f"{RECORD}>{title}\n{SEQUENCE}\n", Program.BLASTN)
    assert fasta.lines_not_for_xml == (3,)


@pytest.mark.parametrize(
    ("name", "is_parseable"),
    [
        *(("a", True), ("x_y.1", True), ("lcl|a", True), ("a" * 50, True)),
        *(("a" * 51, False), ("gi|1|x", False), ("a|b", False), ("é", False), ("|", False)),
    ],
)
def test_names_that_blast_can_parse(name: str, is_parseable: bool) -> None:
    fasta = read_fasta(f">{name} title\n{SEQUENCE}\n", Program.BLASTN)
    assert fasta.lines_not_parseable == (() if is_parseable else (1,))


def test_only_the_first_faults_are_named() -> None:
    text = ">a\nACGT\n" + "ACG!\n" * 100
    assert len(read_fasta(text, Program.BLASTN).faults) == MOST_FAULTS


def test_sizes_are_counted_as_blast_counts_letters() -> None:
    fasta = read_fasta(">a\nAC GT\n--\n>b\n1 ACG\n", None)
    assert (fasta.sequences, fasta.residues, fasta.lengths) == (2, 7, (4, 3))
    assert [fasta.batches(length) for length in (1, 6, 7)] == [2, 2, 1]
