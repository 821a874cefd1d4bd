"""pydantic's errors as the app's faults."""

from pydantic import ValidationError

from shared.errors import Fault


def faults_of(error: ValidationError) -> list[Fault]:
    """One fault for each error, with the path of its field; input values are left out."""
    return [
        Fault(".".join(str(part) for part in detail["loc"]), detail["msg"])
        for detail in error.errors(include_url=False, include_input=False)
    ]
