"""pydantic's errors as the app's faults."""

from pydantic import ValidationError

from shared.errors import Fault


def faults_of(error: ValidationError) -> list[Fault]:
    """One fault for each error, with the path of its field; input values are left out.

    A text of the app's own validators is as it was raised, without pydantic's words before it.
    """
    return [
        Fault(".".join(map(str, detail["loc"])), detail["msg"].removeprefix("Value error, "))
        for detail in error.errors(include_url=False, include_input=False)
    ]
