"""The page where much is listed, where the API is away, and where it asks for a token."""

import re
import uuid
from dataclasses import replace
from datetime import timedelta

from playwright.sync_api import Page, Route, expect

from local.demo.queries import DEMO_DATABASE
from shared.clients.tables import Insert, open_table
from shared.contracts.states import Phase
from shared.dependencies import INDEX_TABLE, now
from shared.jobs import rows
from tests.end_to_end.conftest import StackFixture
from tests.end_to_end.test_cancel import hanging
from tests.end_to_end.test_upkeep import unconfirmed
from tests.support.samples import job
from tests.ui.browser import PHONE, Seen, fits
from triggers.auth.callers import LOCAL

MANY, AT_ONCE = 1000, 100


def list_many(world: StackFixture) -> None:
    """A thousand jobs that ended long ago, as the repository lists them."""
    connection = world.stack.azurite.connection_string
    table = open_table(INDEX_TABLE, connection, "", None)
    then = now() - timedelta(days=30)
    for start in range(0, MANY, AT_ONCE):
        listed = [
            replace(
                job(uuid.uuid4().int, owner=LOCAL, phase=Phase.COMPLETED, finished_at=then),
                created_at=then - timedelta(minutes=start + n),
                search=replace(job().search, title=f"Number {start + n}"),
            )
            for n in range(AT_ONCE)
        ]
        table.commit([Insert(rows.list_row(one)) for one in listed])


def test_a_thousand_jobs_are_paged_with_one_request_for_each_page(
    page: Page, seen: Seen, world: StackFixture
) -> None:
    list_many(world)
    page.goto("/api/ui")
    items = page.locator(".jobs li")
    expect(items).to_have_count(50)
    expect(page.get_by_text("Page 1")).to_be_visible()
    listed = len(seen.asked("/blast/jobs"))
    for number in range(2, 6):
        page.get_by_role("button", name="Older").click()
        expect(
            page.get_by_role("navigation", name="Pages of").get_by_text(f"Page {number}")
        ).to_be_visible()
        expect(page.get_by_role("button", name="Older")).to_be_enabled()
    assert page.get_by_role("button", name="Older").evaluate("it => it === document.activeElement")
    page.get_by_role("button", name="Newer").click()
    expect(page.get_by_text("Page 4")).to_be_visible()
    expect(page.get_by_role("button", name="Older")).to_be_enabled()
    # One more may fall between, of the polling.
    assert len(seen.asked("/blast/jobs")) - listed in (5, 6)
    assert all("limit=50" in url for url in seen.asked("/blast/jobs"))
    assert len({*seen.asked("cursor=")}) == 4


def test_the_page_says_that_the_api_is_away_and_recovers_by_itself(
    page: Page, seen: Seen, world: StackFixture
) -> None:
    running = world.submit(key=hanging(world), job_title="Before the night")
    page.goto("/api/ui")
    known = page.get_by_text("Before the night")
    expect(known).to_be_visible()
    world.stack.host.kill()
    away = page.locator("#away")
    expect(away).to_contain_text("does not answer")
    expect(known).to_be_visible()
    expect(away).to_have_attribute("data-wait", "2000")  # it waits longer each time
    world.stack.host = world.stack.start_host()
    expect(away).not_to_be_visible()
    expect(page.locator("#news")).to_contain_text("answers again")
    world.submit(job_title="After the night")
    expect(page.locator(".jobs .title").first).to_have_text("After the night")
    world.api.cancel(running)


def test_failure_1_a_form_that_is_sent_again_after_no_answer_is_one_search(
    page: Page, world: StackFixture
) -> None:
    def lose_the_answer(route: Route) -> None:
        assert route.fetch().status == 202
        route.abort()

    page.route("**/api/blast/jobs", lose_the_answer, times=1)
    page.goto("/api/ui#/new")
    page.get_by_label("Title").fill("Sent twice")
    page.get_by_label("Database").fill(DEMO_DATABASE)
    page.get_by_label("Query").fill(">q\nACGTTGCAACGTTGCA")
    submit = page.get_by_role("button", name="Submit search")
    submit.click()
    expect(page.get_by_role("alert")).to_contain_text("Send it again")
    submit.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sent twice")
    titles = [one["job_title"] for one in world.api.jobs(limit=10)["jobs"]]
    assert titles.count("Sent twice") == 1


def test_where_it_is_asked_for_a_token_is_shown_in_memory_alone(
    page: Page, world: StackFixture
) -> None:
    shown: list[str | None] = []

    def guard(route: Route) -> None:
        shown.append(route.request.headers.get("authorization"))
        body = '{"detail": {"code": "not_signed_in", "message": "sign in"}}'
        if shown[-1] == "Bearer a.b.c":
            route.continue_()
        else:
            route.fulfill(status=401, body=body, content_type="application/json")

    page.route("**/api/blast/**", guard)
    page.goto("/api/ui")
    dialog = page.get_by_role("dialog", name="Sign in")
    expect(dialog.get_by_label("Token")).to_be_focused()
    page.keyboard.type("a.b.c")
    page.keyboard.press("Enter")
    expect(dialog).not_to_be_visible()
    expect(page.locator(".jobs, .empty")).to_be_visible()
    assert shown == [None, "Bearer a.b.c"]
    kept = "() => [localStorage.length, sessionStorage.length, document.cookie]"
    assert page.evaluate(kept) == [0, 0, ""]
    page.reload()
    expect(dialog).to_be_visible()


def test_an_unknown_job_is_said_to_be_none(page: Page, seen: Seen) -> None:
    page.goto("/api/ui#/jobs/job-00000000000000000000000000000000")
    expect(page.get_by_text(re.compile("there is no job"))).to_be_visible()
    assert len(seen.asked("/blast/jobs/")) == 1
    page.get_by_role("link", name="All searches").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Searches")


def test_on_a_phone_nothing_is_wider_than_the_page(page: Page, world: StackFixture) -> None:
    world.submit(job_title="A title that is long and has-one-word-that-cannot-be-broken" * 3)
    page.set_viewport_size(PHONE)
    for where, awaited in (("", ".jobs li"), ("#/new", "form.submit")):
        page.goto(f"/api/ui{where}")
        expect(page.locator(awaited).first).to_be_visible()
        assert fits(page)


def test_a_person_sees_what_may_be_left_of_a_failed_search_and_has_it_cleaned_up(
    page: Page, world: StackFixture
) -> None:
    job_id = unconfirmed(world)
    page.goto(f"/api/ui#/jobs/{job_id}")
    warning = page.get_by_text("Something of this search may still run on the cluster")
    expect(warning).to_be_visible()
    page.get_by_role("button", name="Clean up now").click()
    world.reconcile()
    expect(warning).to_be_hidden(timeout=60_000)
    expect(page.get_by_role("button", name="Clean up now")).to_be_hidden()
