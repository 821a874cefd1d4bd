"""Commands of the URL API that take few parameters: every other one is refused by its name."""

import pytest

from shared.url_api.names import IDENTIFYING, NAMES, NEUTRAL
from tests.triggers.url_api.conftest import UrlApi, rid, text


@pytest.mark.parametrize("command", ["Delete", "Info", "Web"])
async def test_what_a_command_does_not_take_is_refused_by_name(
    url_api_client: UrlApi, command: str
) -> None:
    """All at once, and before anything is deleted."""
    request = rid(await url_api_client.put())
    others = dict.fromkeys(NAMES - {"CMD", "RID"} - IDENTIFYING, "odd") | {"NEW": "1"}
    needed = {"RID": request} if command == "Delete" else {}
    answer = await url_api_client.send("POST", CMD=command, **needed, **others)
    assert answer.status_code == 422
    assert [name for name in others if f"{name}: " not in text(answer)] == []
    waiting = text(await url_api_client.get(request, FORMAT_OBJECT="SearchInfo"))
    assert "Status=WAITING" in waiting


@pytest.mark.parametrize("command", ["Info", "Web", "Delete"])
async def test_parameters_that_ask_for_nothing_are_taken(
    url_api_client: UrlApi, command: str
) -> None:
    nothing = {name: sorted(values)[0] for name, values in NEUTRAL.items()}
    nothing |= dict.fromkeys(IDENTIFYING, "me@example.org")
    needed = {"RID": rid(await url_api_client.put())} if command == "Delete" else {}
    answer = await url_api_client.send("POST", CMD=command, **needed, **nothing)
    assert answer.status_code == 200, text(answer)
