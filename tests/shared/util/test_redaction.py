"""Failures 22 and 55: secrets and sequences are removed from text; other text is unchanged."""

import logging
import re
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.util import redaction
from shared.util.plain_text import ESCAPE_SEQUENCE
from shared.util.redaction import (
    LONGEST,
    LONGEST_SECRET,
    SECRET,
    SEQUENCE,
    redact_all,
    redacted,
    redacted_output,
)
from shared.util.secret_patterns import SECRETS as SECRETS_PATTERNS

KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl-_x"
DNA = "ACGTTGACCAGTTGACCATTGACCAGTACC"
PROTEIN = "MKVLAAGIVGLLLAQWERTYIPASDFGHKLC"

SECRETS = [
    ("https://a/b?sv=2021-08-06&se=2026-01-01T00%3A00Z&sr=b&sp=r&sig=aB%2Fc%3D failed", "aB%2Fc"),
    ("https://a/b?sv=2021-08-06&se=2026-01-01T00%3A00Z&sr=b&sp=r&sig=aB%2Fc%3D failed", "2026"),
    ("the signature was sig=aBcD1234, it reported", "aBcD1234"),
    ("https%3A%2F%2Fa%2Fb%3Fse%3D2026%26sig%3DaBcD1234", "aBcD1234"),
    (r'{"url":"https://a/b?se=2026\u0026sig=aBcD1234"}', "aBcD1234"),
    ("Authorization: Bearer abcdefgh", "abcdefgh"),
    ("authorization: SharedKey account:Zm9vYmFy", "Zm9vYmFy"),
    ('"Authorization": "Basic dXNlcjpwdw=="', "dXNlcjpwdw"),
    (f"it sent Bearer {JWT}", JWT.split(".")[2]),
    ("bearer tok.en-1", "tok.en-1"),
    (f"the token {JWT} has expired", JWT.split(".")[1]),
    (f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={KEY};EndpointSuffix=x", KEY[:20]),
    (f"the key {KEY} is refused", KEY[:20]),
    ("BlobEndpoint=https://a;SharedAccessSignature=sv=2021&sig=aBcD1234", "aBcD1234"),
    ("Endpoint=sb://a/;SharedAccessKey=aBcD1234=", "aBcD1234"),
    ("AZURE_CLIENT_SECRET=aBc~D1234", "aBc~D1234"),
    (r"{\"password\":\"aBcD1234\"}", "aBcD1234"),
    ("X-Exec-Token: aBcD1234", "aBcD1234"),
    ("https://user:aBcD1234@host/x refused", "aBcD1234"),
    ("https://user:x@aBcD1234@host/x refused", "aBcD1234"),
    ("rediss://:aBcD1234@host:6380", "aBcD1234"),
    (r'{"value":"AccountKey=x\/y\u002BaBcD1234=="}', "aBcD1234"),
    (r"{\u0022account_key\u0022:\u0022aBcD1234\u0022}", "aBcD1234"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIEabcd\n-----END RSA PRIVATE KEY-----", "MIIEabcd"),
    (f"BLAST query error: {DNA} is wrong", DNA[:12]),
    (DNA.lower(), DNA[:12].lower()),
    (f">q1\n{DNA}\n{DNA}\nACGT\n>q2", "ACGT"),
    ("ACGTTGACCA\nGTTGACCATT\nGACC\n", "GTTGACC"),
    (r'{"query_data":">q\nACGTTGACCA\nGTTGACCATT\nGACC"}', "GACC"),
    ("1 acgttgacca gttgaccatt gaccagtacc\n31 acgttgacca", "gttgacc"),
    ("ACGTTG--ACCAGTTGACC-ATTGACC", "ACCAGTT"),
    ("NNNNNNNNNNACGTACGTNNNN", "NNNNACGT"),
    (f"Sequence {PROTEIN} has no data", PROTEIN[:12]),
    ("MKVLAAGIVGLLLAQ\nWERTYIPASDFGHKL\nKLC\n", "WERTY"),
    ("MKVLAAGIVG LLLAQWERTY IPASDFGHKL CVNMKVLAAG IVGLL", "WERTY"),
    (f"query {PROTEIN.lower() * 2}", "lllaqwerty"),
    (f">q1 a protein\n{PROTEIN.lower()}\n>q2", "lllaqwerty"),
    (rf'{{"query_data":">q\n{PROTEIN.lower()}\nmkvla"}}', "mkvla"),
    ("        1 mkvlaagivg lllaqwerty ipasdfghkl\n       31 cvn\n//", "lllaqwerty"),
    ("mkvlaagivg" + PROTEIN + "lllaqwerty" + PROTEIN, "QWERTY"),
]

ORDINARY = [
    "BackoffLimitExceeded: Job has reached the specified backoff limit",
    "blastn-batch-16s-ribosomal-rna-job-000-1a2b3c4d failed (DeadlineExceeded)",
    "blastn-batch-s00-job-003-aaccacca failed",
    "job-0123456789abcdefaaaacccc01234567",
    "sha256:" + "ab12cd34" * 8,
    "image elbacr01.azurecr.io/ncbi/elb@sha256:" + "0f" * 32,
    "instance 6f9619ff-8b86-d011-b42d-00cf4fc964ff",
    "No alias or index file found for nucleotide database [16S_rRNA] in search path [/a::]",
    "BLAST engine error: Error: Gap existence and extension values 1 and 77 are not supported",
    "FASTA-Reader: Ignoring invalid residues at position(s): On line 2: 1-23",
    "FASTA-Reader: Title ends with at least 20 valid nucleotide characters.",
    "Bearer authentication failed",
    "a Bearer token is needed",
    'WWW-Authenticate: Bearer realm="blast", error="invalid_token"',
    "Unschedulable: 0/3 nodes are available: 1 Insufficient memory, 2 node(s) had taints",
    "RequiredDuringSchedulingIgnoredDuringExecution",
    "set ELB_DISABLE_JOB_SUBMISSION_ON_THE_CLOUD",
    "https://stgelb.blob.core.windows.net/results/job-1/batch_000-blastn-a.out.gz",
    "GET /api/blast/jobs?status=failed&limit=50&cursor=abc was refused",
    "CONFIGURATION INFORMATION UNAVAILABLE",
    "pneumonoultramicroscopicsilicovolcanoconiosis",
    "> kubectl get pods\nblastn-batch-000\n3 containers terminated",
    "12 instances have started\n2 statements",
    "GET http://10.0.0.1:8080",
    "the primer ACGTACGT and the peptide MKVLAAG",
    "the pod reported: act at a can\nand a tag",
    "AccountName=devstoreaccount1;EndpointSuffix=core.windows.net",
    "the signature of the design was signed",
    "=" * 200,
    "x" * 5000,
    "ünï \U0001f33c 配列",
    "",
]


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_failure_55_secrets_and_sequences_are_removed(text: str, secret: str) -> None:
    clean = redacted(text)
    assert secret in text
    assert secret not in clean
    assert SECRET in clean or SEQUENCE in clean


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_is_unchanged(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_the_text_around_a_secret_is_unchanged(text: str, secret: str) -> None:
    clean = redacted(f"BLAST failed: {text}\nand the server answered no")
    assert clean.startswith("BLAST failed: ")
    assert clean.endswith("and the server answered no")


@given(st.lists(st.sampled_from([*ORDINARY, *(text for text, _ in SECRETS)])).map("\n".join))
def test_redaction_is_idempotent(text: str) -> None:
    once = redacted(text)
    assert redacted(once) == once
    assert not any(secret in once for _, secret in SECRETS if len(secret) > 7)


@given(st.text(alphabet="ACGTN \n", min_size=200), st.integers(10, 80))
def test_a_nucleotide_sequence_is_removed_at_any_line_width(text: str, width: int) -> None:
    letters = re.sub(r"\s", "", text) + DNA
    wrapped = "\n".join(letters[at : at + width] for at in range(0, len(letters), width))
    assert redacted(f">q\n{wrapped}\n>r") == f">q\n{SEQUENCE}\n>r"


def test_json_structure_and_keys_are_kept() -> None:
    value = {"error": f"Bearer {JWT}", "list": [DNA, 1, None], "inner": {"sig": "sig=abcd"}}
    assert redact_all(value) == {
        "error": f"Bearer {SECRET}",
        "list": [SEQUENCE, 1, None],
        "inner": {"sig": f"sig={SECRET}"},
    }


def test_a_truncated_output_does_not_begin_within_a_secret() -> None:
    noise = "a warning of a program; " * 4000
    for kept in (1, 7, 60, 119):  # characters of the secret after the cut
        text = "before: sig=" + "s3cr3t" * 20 + " " + noise[: LONGEST - kept - 1]
        output = redacted_output(text)
        assert "3" not in output
        assert output.startswith("a warning of a program; a warning")


# Bounded cost, by count.

ATTACKS = ["eyJ", "bearer ", "//a:", "a_", "sig", "sig=", "ACGTAC ", "authorization:", "password "]
ATTACKS += ["-----BEGIN ", "MKVLAAGIVG ", "\n", "?se=", "A", "Ab1+", "token_", r"\n", "& ", "- "]


def _unbounded(tree: Any) -> int:
    """The nesting depth of unbounded repetitions in a parsed pattern."""
    deepest = 0
    for operation, argument in tree:
        inner = [part for part in _parts(argument) if hasattr(part, "data")]
        depth = max((_unbounded(part) for part in inner), default=0)
        is_repeat = "REPEAT" in str(operation) and argument[1] == re._parser.MAXREPEAT
        deepest = max(deepest, depth + is_repeat)
    return deepest


def _parts(argument: Any) -> list[Any]:
    if isinstance(argument, list | tuple):
        return [part for item in argument for part in _parts(item)]
    return [argument]


def test_no_pattern_nests_unbounded_repetitions() -> None:
    for pattern in [*SECRETS_PATTERNS, ESCAPE_SEQUENCE, redaction._WORDS, redaction._SEPARATOR]:
        tree = re._parser.parse(pattern.pattern, pattern.flags)
        assert _unbounded(tree) <= 1, pattern.pattern
    nested = re._parser.parse("(a+b)+")
    assert _unbounded(nested) == 2  # proves that the check can fail


def lines_run(act: Callable[[], object]) -> int:
    """The number of executed lines of the module."""
    count = 0

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal count
        if frame.f_code.co_filename != redaction.__file__:
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_cost_grows_linearly_with_the_text(attack: str) -> None:
    small, large = attack * (2000 // len(attack)), attack * (8000 // len(attack))
    few, many = lines_run(lambda: redacted(small)), lines_run(lambda: redacted(large))
    assert many <= 4.2 * few + 50


def test_longer_texts_are_truncated() -> None:
    whole_words = "word " * (LONGEST // 5)
    assert redacted("word " * LONGEST) == whole_words.rstrip()
    assert redacted_output("word " * LONGEST) == whole_words.removeprefix("word ")
    assert redacted("x" * 2 * LONGEST) == "x" * (LONGEST - LONGEST_SECRET)


@pytest.mark.parametrize("text", ["", " ", "s3cr3t", "s3cr3t" * LONGEST, " " * 2 * LONGEST])
def test_nothing_is_left_of_a_truncated_text_without_a_whole_word(text: str) -> None:
    assert redacted_output(text, is_end=True).strip() == ""


@pytest.mark.parametrize("length", range(20, 32))
def test_userinfo_that_is_cut_off_is_removed(length: int) -> None:
    text = "https://user:s3cr3t-s3cr3t@host/path"[:length]
    assert "s3c" not in redacted(text)


# Logs.


def test_failure_22_log_messages_and_tracebacks_are_redacted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = logging.getLogger("blast")
    with caplog.at_level(logging.INFO, "blast"):
        log.warning("the sidecar answered %s to %s", f"sig=aBcD1234 {DNA}", "job-1")
        try:
            raise ValueError(f"Bearer {JWT}") from KeyError(f"AccountKey={KEY}")
        except ValueError:
            log.exception("request_failed")
    logged = caplog.text + "".join(record.exc_text or "" for record in caplog.records)
    assert "the sidecar answered sig=[redacted] [sequence] to job-1" in logged
    assert f"ValueError: Bearer {SECRET}" in logged
    for secret in ("aBcD1234", DNA[:12], JWT[:20], KEY[:20]):
        assert secret not in logged


def test_a_traceback_without_secrets_is_unchanged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "blast"):
        try:
            raise ValueError("a bug")
        except ValueError:
            logging.getLogger("blast").exception("request_failed")
    assert caplog.records[0].exc_info
    assert "ValueError: a bug" in caplog.text


class Unprintable:
    def __str__(self) -> str:
        raise AttributeError("sig=aBcD1234")


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("%d jobs", ("x",)),
        ("%s and %s", ("x",)),
        ("no place", ("x",)),
        ("100 %", ("x",)),
        ("%c", (-1,)),
        ("%(name)s", ({"other": "x"},)),
        ("%s", (Unprintable(),)),
        (Unprintable(), ()),
    ],
)
def test_a_wrong_argument_of_a_log_line_does_not_stop_the_work(
    message: object, arguments: tuple[object, ...], caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("blast").warning(message, *arguments)
    template = repr(message) if isinstance(message, str) else "Unprintable"
    assert caplog.messages == [f"log_message_invalid {template}"]


def test_failure_22_a_log_line_with_a_wrong_argument_is_redacted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    logging.getLogger("blast").warning("sig=aBcD1234 %d", DNA)
    assert caplog.messages == [f"log_message_invalid 'sig={SECRET} %d'"]
