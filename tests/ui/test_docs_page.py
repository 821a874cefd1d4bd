"""The page /api/docs in a real browser that reaches only the app."""

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.end_to_end.conftest import StackFixture
from tests.ui.browser import open_page
from triggers.http.routes import OPERATIONS

pytestmark = pytest.mark.acceptance


def test_the_documentation_page_needs_no_internet(browser: Browser, world: StackFixture) -> None:
    blocked: list[str] = []
    messages: list[str] = []

    def block_others(route: Route) -> None:
        if route.request.url.startswith(f"{world.stack.url}/"):
            route.continue_()
        else:
            blocked.append(route.request.url)
            route.abort()

    with open_page(browser, base_url=world.stack.url) as (page, _):
        page.on("console", lambda message: messages.append(message.text))
        page.route("**/*", block_others)
        page.goto("/api/docs")
        operations = page.locator("section details")
        expect(operations).to_have_count(len(OPERATIONS))
        for operation in OPERATIONS:
            summary = page.locator(f"#{operation.name} summary")
            expect(summary).to_contain_text(
                f"{operation.method} /api/{operation.path} {operation.summary}."
            )
        page.locator("#submit_job summary").click()
        expect(page.locator("#submit_job").get_by_role("region", name="Responses")).to_be_visible()
        expect(page.locator("#model-Submission")).to_contain_text("query_data")
    assert (blocked, messages) == ([], [])
