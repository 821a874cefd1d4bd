"""pydantic's errors as faults."""

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.contracts.validation import faults_of


class Inner(BaseModel):
    count: int = Field(ge=1)


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    items: list[Inner] = []


def test_each_error_is_a_fault_with_the_path_of_its_field_and_no_input() -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"items": [{"count": 1}, {"count": "s3cret"}], "other": "s3cret"})
    faults = faults_of(caught.value)
    assert {fault.path for fault in faults} == {"name", "items.1.count", "other"}
    assert "s3cret" not in repr(faults)
