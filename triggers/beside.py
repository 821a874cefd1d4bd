"""What is right in a part of a request, beside what is wrong in it."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

Part = TypeVar("Part", bound=BaseModel)


def beside_what_is_wrong(
    part: type[Part], said: Mapping[str, Any], stand_in: Mapping[str, Any]
) -> Part | None:
    """The part with a stand-in for each field that is needed and wrong: so no fault hides another.

    What is wrong and has no stand-in is left out.
    """
    try:
        return part.model_validate(said)
    except ValidationError as error:
        wrong = {str(one["loc"][0]) for one in error.errors(include_url=False)}
    right = {name: value for name, value in said.items() if name not in wrong}
    try:
        return part.model_validate({**right, **{n: v for n, v in stand_in.items() if n in wrong}})
    except ValidationError:
        return None
