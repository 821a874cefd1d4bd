"""Lines of a text are redacted as the text, and stay in their places."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.util.redaction import SECRET, SEQUENCE, redact_lines, redacted
from tests.shared.util.test_redaction import DNA, JWT

PEM = [
    "-----BEGIN RSA PRIVATE KEY-----",
    "MIIEow+IBAAKCAQEA7x",
    "Qm9yZWQ",
    "-----END RSA PRIVATE KEY-----",
]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], []),
        (["a", "", "b"], ["a", "", "b"]),
        (["a", "sig=aBcD1234", "b"], ["a", f"sig={SECRET}", "b"]),
        (["a", *PEM, "b", "c"], ["a", SECRET, SECRET, SECRET, SECRET, "b", "c"]),
        ([*PEM, *PEM, "b"], [SECRET] * 8 + ["b"]),
        ([">q", DNA, DNA, "ACGT", "done"], [">q", SEQUENCE, SECRET, SECRET, "done"]),
        (["ACGTTGACCA", "GTTGACCATT", "GACC"], [SEQUENCE, SECRET, SECRET]),
        (["b", *PEM[:2]], ["b", SECRET, SECRET]),
        ([*PEM[2:], "b"], [SECRET, SECRET, "b"]),
        (["sig=aBcD1234", "efGH%3D", "b"], [f"sig={SECRET}", SECRET, "b"]),
        (["AccountKey=aBcD1234", "efGH==;x", "b"], [f"AccountKey={SECRET};x", SECRET, "b"]),
        ([JWT[:30], JWT[30:], "b"], [SECRET, SECRET, "b"]),
    ],
    ids=[
        *("none", "plain", "one", "key", "keys", "fasta", "only-sequence", "half-key"),
        *("end-of-key", "broken-signature", "broken-key", "broken-token"),
    ],
)
def test_lines_are_redacted_as_a_text_and_stay_in_their_places(
    lines: list[str], expected: list[str]
) -> None:
    assert redact_lines(lines) == expected


@given(st.lists(st.sampled_from(["a", "", DNA, "ACGT", *PEM, ">q", "sig=aBcD1234"]), max_size=12))
def test_no_line_shows_what_the_redacted_text_hides(lines: list[str]) -> None:
    shown = redact_lines(lines)
    assert len(shown) == len(lines)
    whole = {*redacted("\n".join(lines)).split("\n"), SECRET}
    assert {*shown} <= whole
