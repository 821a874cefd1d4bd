"""The page of traceability finds the numbers that tests and docstrings name."""

import pytest

from tests.support.traceability import NamedTest, key_test, numbers_in_name, numbers_in_text


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Failure 33.", {"33"}),
        ("It shows failures 33 and 35.", {"33", "35"}),
        ("R10, R11, failures 4 to 8: rows.", {"R10", "R11", "4", "5", "6", "7", "8"}),
        ("Failures 1, 46 to 48, and 50.", {"1", "46", "47", "48", "50"}),
        ("I5 after 3 tries to 9.", {"I5"}),
    ],
)
def test_a_docstring_names_numbers_and_ranges(text: str, numbers: set[str]) -> None:
    assert numbers_in_text(text) == numbers


def test_a_name_names_numbers() -> None:
    assert numbers_in_name("test_r14_i5_failures_3_and_4_a_search") == {"R14", "I5", "3", "4"}


def test_the_key_test_is_the_one_that_names_the_number_most_closely() -> None:
    names = {"in_module": "in_module", "in_docstring": "in_docstring", "in_name": "in_name"}
    none: dict[str, frozenset[str]] = dict.fromkeys(names, frozenset())
    tests = [NamedTest("f", at, **none | {at: frozenset({"99"})}) for at in names]
    for number in (3, 2, 1):
        chosen = key_test("99", tests[:number])
        assert chosen is not None
        assert chosen.name == tests[number - 1].name
    assert key_test("98", tests) is None
