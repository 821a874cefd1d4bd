"""An app whose functions do nothing: what is measured is the host."""

# mypy: disable-error-code="untyped-decorator"
from collections.abc import Generator
from typing import Any

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="empty")
async def empty(req: func.HttpRequest) -> str:
    return ""


@app.route(route="empty_sync")
def empty_sync(req: func.HttpRequest) -> str:
    return ""


@app.activity_trigger(input_name="number")
async def nothing(number: int) -> int:
    return number


@app.orchestration_trigger(context_name="context")
def steps(context: Any) -> Generator[Any, Any, None]:
    """As many activities one after the other as the input says."""
    for number in range(int(context.get_input())):
        yield context.call_activity("nothing", number)
