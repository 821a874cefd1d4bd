"""The page /api/docs in a real browser that reaches nobody but the app."""

from playwright.sync_api import Browser, Route, expect

from tests.end_to_end.conftest import StackFixture
from tests.ui.browser import a_page
from triggers.http.routes import OPERATIONS


def test_the_api_is_described_to_who_is_cut_off_from_all_but_the_app(
    browser: Browser, world: StackFixture
) -> None:
    blocked: list[str] = []
    said: list[str] = []

    def guard(route: Route) -> None:
        if route.request.url.startswith(f"{world.stack.url}/"):
            route.continue_()
        else:
            blocked.append(route.request.url)
            route.abort()

    with a_page(browser, base_url=world.stack.url) as (page, _):
        page.on("console", lambda message: said.append(message.text))
        page.route("**/*", guard)
        page.goto("/api/docs")
        listed = page.locator("section details")
        expect(listed).to_have_count(len(OPERATIONS))
        for operation in OPERATIONS:
            summary = page.locator(f"#{operation.name} summary")
            expect(summary).to_contain_text(
                f"{operation.method} /api/{operation.path} {operation.summary}."
            )
        page.locator("#submit_job summary").click()
        expect(page.locator("#submit_job").get_by_role("region", name="Responses")).to_be_visible()
        expect(page.locator("#model-Submission")).to_contain_text("query_data")
    assert (blocked, said) == ([], [])
