"""Failure 51: which lines of a failed program's stderr a person needs."""

import pytest

from activities.failure import LONGEST_MESSAGE, failure_message

USAGE = """USAGE
  blastn [-h] [-help] [-import_search_strategy filename]
    [-num_threads int_value] [-mt_mode int_value] [-remote] [-version]

DESCRIPTION
   Nucleotide-Nucleotide BLAST 2.12.0+

Use '-help' to print detailed descriptions of command line arguments
========================================================================

Error: Argument "evalue". Argument cannot be converted:  `x'
Error:  (CArgException::eConvert) Argument "evalue". Argument cannot be converted:  `x'
"""
"""As BLAST+ 2.12 writes them, like all that follow."""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "BLAST Database error: No alias or index file found for nucleotide database [a]\n",
            "BLAST Database error: No alias or index file found for nucleotide database [a]",
        ),
        (
            USAGE,
            'Error: Argument "evalue". Argument cannot be converted:  `x\''
            ' Error:  (CArgException::eConvert) Argument "evalue". Argument cannot be converted:'
            "  `x'",
        ),
        (
            "FASTA-Reader: Ignoring invalid residues at position(s): On line 2: 1-23\n"
            "BLAST engine error: Warning: Sequence contains no data \n",
            "BLAST engine error: Warning: Sequence contains no data",
        ),
        (
            "Warning: [blastn] Examining 5 or more matches is recommended\n"
            "BLAST engine error: Error: Gap existence and extension values 1 and 77 are not\n"
            "2 and 2 are supported\n1 and 2 are supported\n2 and 2 are supported\n",
            "BLAST engine error: Error: Gap existence and extension values 1 and 77 are not"
            " 2 and 2 are supported 1 and 2 are supported",
        ),
        ("Error: Formatting choice is out of range\n", "Error: Formatting choice is out of range"),
        ("out of \x00memory", "out of  memory"),
        ("Killed\n", "Killed"),
        ("Warning: only a warning\n", "Warning: only a warning"),
        ("USAGE\n  blastn\n", "USAGE blastn"),
        (
            "INFO: the cache cannot be used\nBLAST Database error: no database\nINFO: done\n",
            "BLAST Database error: no database",
        ),
        (
            "2026-01-01T00:00:00.123Z INFO: cannot find x, using y\nBLAST engine error: no\n",
            "BLAST engine error: no",
        ),
        (
            "2026-01-01 00:00:00,123 - elb.upload - WARNING - failed, trying again\n"
            "[INFO] 0 errors\nDEBUG terminated\nnote: cannot be cached\nKilled\n",
            "Killed",
        ),
        (
            "azcopy: failed to copy, trying again\nBLAST query error: no data\n",
            "BLAST query error: no data",
        ),
        ("\x1b[33mINFO:\x1b[0m cannot\n\x1b[1;31mError:\x1b[0m no\n", "Error: no"),
        ("Error: the INFO field is wrong\n", "Error: the INFO field is wrong"),
        ("Information cannot be read\n", "Information cannot be read"),
        ("INFO: nothing else\n", "INFO: nothing else"),
        ("run: 7\nSegmentation fault (core dumped)\n", "Segmentation fault (core dumped)"),
        ("blastn-batch-a-job-000-1a2b3c4d blastn-batch-a-job-001-1a2b3c4d\n", ""),
        ("\n \n", ""),
        ("", ""),
    ],
)
def test_the_lines_from_the_first_error_on(text: str, words: str) -> None:
    assert failure_message(text) == words


def test_words_are_bounded() -> None:
    words = failure_message("Error: " + "too much " * 1000)
    assert len(words) == LONGEST_MESSAGE + 1
    assert words.endswith("…")
