"""Label and field selectors match as in Kubernetes."""

import pytest

from local.cluster.api_errors import ApiError
from local.cluster.resources import JOBS
from local.cluster.selectors import selector

CASES = [
    ("app=blast", True),
    ("app==blast", True),
    ("app!=blast", False),
    ("app=blas", False),
    ("app in (blast,submit)", True),
    ("app in ( submit , setup )", False),
    ("app notin (submit)", True),
    ("app notin (submit,blast)", False),
    ("app", True),
    ("!app", False),
    ("other", False),
    ("!other", True),
    ("other!=x", True),
    ("other notin (x)", True),
    ("other in (x)", False),
    ("app in (blast),elb-job-id=job-1", True),
    ("app in (blast),elb-job-id=job-10", False),
    ("elb-job-id=job", False),
    ("in=x", False),
    ("empty=", True),
    ("app=", False),
    ("example.com/part=one.two_3", True),
    ("", True),
]
LABELS = {"app": "blast", "elb-job-id": "job-1", "empty": "", "example.com/part": "one.two_3"}


@pytest.mark.parametrize(("text", "selected"), CASES)
def test_a_label_selector_selects_as_in_kubernetes(text: str, selected: bool) -> None:
    obj = {"metadata": {"name": "x", "labels": LABELS}}
    assert selector(JOBS, text, "").matches(obj) is selected


@pytest.mark.parametrize(
    "text", ["app in blast", "=x", "a=b c", "app in (b!)", "a,,b", "a=b,", "("]
)
def test_an_invalid_selector_is_refused(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        selector(JOBS, text, "")
    assert refused.value.code == 400


def test_a_field_selector_names_exactly_one_object() -> None:
    chosen = selector(JOBS, "", "metadata.name=job-1")
    assert chosen.matches({"metadata": {"name": "job-1"}})
    assert not chosen.matches({"metadata": {"name": "job-10"}})


def test_an_unsupported_field_is_refused() -> None:
    with pytest.raises(ApiError, match="field label not supported"):
        selector(JOBS, "", "status.active=1")
