"""The page with many jobs, API errors, a lost answer, a required token, and a narrow screen."""

import re
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import Page, Route, expect

from local.demo.queries import DEMO_DATABASE
from shared.clients.tables import Insert, open_table
from shared.contracts.states import Phase
from shared.dependencies import INDEX_TABLE, now
from shared.jobs import rows
from tests.end_to_end.conftest import StackFixture
from tests.end_to_end.test_cancel import hanging
from tests.end_to_end.test_upkeep import unconfirmed
from tests.support.blocking import run
from tests.support.samples import job
from tests.ui.browser import PHONE, PageActivity, fits_width
from triggers.auth.callers import LOCAL

pytestmark = pytest.mark.acceptance

TOTAL_ROWS, ROWS_PER_TRANSACTION = 1000, 100


async def insert_many_list_rows(connection: str) -> None:
    """List rows of jobs that ended long ago, as the repository writes them."""
    table = open_table(INDEX_TABLE, connection, "", None, create_on_first_use=True)
    finished_at = now() - timedelta(days=30)
    for start in range(0, TOTAL_ROWS, ROWS_PER_TRANSACTION):
        jobs = [
            replace(
                job(uuid.uuid4().int, owner=LOCAL, phase=Phase.COMPLETED, finished_at=finished_at),
                created_at=finished_at - timedelta(minutes=start + n),
                search=replace(job().search, title=f"Number {start + n}"),
            )
            for n in range(ROWS_PER_TRANSACTION)
        ]
        await table.commit([Insert(rows.list_row(listed)) for listed in jobs])
    await table.aclose()


def test_a_thousand_jobs_are_paged_with_one_request_for_each_page(
    page: Page, activity: PageActivity, world: StackFixture
) -> None:
    run(insert_many_list_rows(world.stack.azurite.connection_string))
    page.goto("/api/ui")
    items = page.locator(".jobs li")
    expect(items).to_have_count(50)
    expect(page.get_by_text("Page 1")).to_be_visible()
    first_requests = len(activity.urls_with("/blast/jobs"))
    for number in range(2, 6):
        page.get_by_role("button", name="Older").click()
        expect(
            page.get_by_role("navigation", name="Pages of").get_by_text(f"Page {number}")
        ).to_be_visible()
        expect(page.get_by_role("button", name="Older")).to_be_enabled()
    assert page.get_by_role("button", name="Older").evaluate(
        "element => element === document.activeElement"
    )
    page.get_by_role("button", name="Newer").click()
    expect(page.get_by_text("Page 4")).to_be_visible()
    expect(page.get_by_role("button", name="Older")).to_be_enabled()
    # The polling may add one request.
    assert len(activity.urls_with("/blast/jobs")) - first_requests in (5, 6)
    assert all("limit=50" in url for url in activity.urls_with("/blast/jobs"))
    assert len({*activity.urls_with("cursor=")}) == 4


def test_the_page_shows_that_the_api_is_unavailable_and_recovers(
    page: Page, activity: PageActivity, world: StackFixture
) -> None:
    running = world.submit(key=hanging(world), job_title="Before the outage")
    page.goto("/api/ui")
    known_job = page.get_by_text("Before the outage")
    expect(known_job).to_be_visible()
    world.stack.host.kill()
    unavailable = page.locator("#unavailable")
    expect(unavailable).to_contain_text("does not answer")
    expect(known_job).to_be_visible()
    expect(unavailable).to_have_attribute("data-retry-ms", "2000")  # a backoff of 1 s, then 2 s
    world.stack.host = world.stack.start_host()
    expect(unavailable).not_to_be_visible()
    expect(page.locator("#notices")).to_contain_text("answers again")
    world.submit(job_title="After the outage")
    expect(page.locator(".jobs .title").first).to_have_text("After the outage")
    world.api.cancel(running)


def test_failure_1_a_form_that_is_submitted_again_after_no_answer_is_one_search(
    page: Page, world: StackFixture
) -> None:
    def lose_response(route: Route) -> None:
        assert route.fetch().status == 202
        route.abort()

    page.route("**/api/blast/jobs", lose_response, times=1)
    page.goto("/api/ui#/new")
    page.get_by_label("Title").fill("Sent twice")
    page.get_by_role("radio", name=DEMO_DATABASE).check()
    page.get_by_label("Query", exact=True).fill(">q\nACGTTGCAACGTTGCA")
    submit = page.get_by_role("button", name="Submit search")
    submit.click()
    expect(page.get_by_role("alert")).to_contain_text("Submit again")
    submit.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sent twice")
    titles = [listed["job_title"] for listed in world.api.jobs(limit=10)["jobs"]]
    assert titles.count("Sent twice") == 1


def test_the_access_token_is_kept_in_memory_only(page: Page, world: StackFixture) -> None:
    authorizations: list[str | None] = []

    def require_token(route: Route) -> None:
        authorizations.append(route.request.headers.get("authorization"))
        body = '{"detail": {"code": "not_signed_in", "message": "sign in"}}'
        if authorizations[-1] == "Bearer a.b.c":
            route.continue_()
        else:
            route.fulfill(status=401, body=body, content_type="application/json")

    page.route("**/api/blast/**", require_token)
    page.goto("/api/ui")
    dialog = page.get_by_role("dialog", name="Sign in")
    expect(dialog.get_by_label("Token")).to_be_focused()
    page.keyboard.type("a.b.c")
    page.keyboard.press("Enter")
    expect(dialog).not_to_be_visible()
    expect(page.locator(".jobs, .empty")).to_be_visible()
    assert authorizations == [None, "Bearer a.b.c"]
    stored = "() => [localStorage.length, sessionStorage.length, document.cookie]"
    assert page.evaluate(stored) == [0, 0, ""]
    page.reload()
    expect(dialog).to_be_visible()


def test_an_unknown_job_is_shown_as_not_found(page: Page, activity: PageActivity) -> None:
    page.goto("/api/ui#/jobs/job-00000000000000000000000000000000")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not found")
    expect(page.get_by_text(re.compile("there is no job"))).to_be_visible()
    assert len(activity.urls_with("/blast/jobs/")) == 1
    page.get_by_role("link", name="All searches").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Searches")


def test_on_a_phone_the_page_does_not_scroll_sideways(page: Page, world: StackFixture) -> None:
    world.submit(job_title="A title that is long and has-one-word-that-cannot-be-broken" * 3)
    page.set_viewport_size(PHONE)
    for fragment, awaited in (("", ".jobs li"), ("#/new", "form.submit")):
        page.goto(f"/api/ui{fragment}")
        expect(page.locator(awaited).first).to_be_visible()
        assert fits_width(page)


def test_an_unconfirmed_cleanup_is_shown_and_can_be_started_again(
    page: Page, world: StackFixture
) -> None:
    job_id = unconfirmed(world)
    page.goto(f"/api/ui#/jobs/{job_id}")
    warning = page.get_by_text("Parts of this search may still run on the cluster")
    expect(warning).to_be_visible()
    page.get_by_role("button", name="Clean up now").click()
    world.reconcile()
    expect(warning).to_be_hidden(timeout=60_000)
    expect(page.get_by_role("button", name="Clean up now")).to_be_hidden()


def test_what_may_be_left_on_another_cluster_is_shown_with_what_an_operator_must_delete(
    page: Page, world: StackFixture
) -> None:
    """A clean-up of the app has no effect there, so that the page offers none."""
    job_id, retried = unconfirmed(world), "job-0123456789abcdef0123456789abcdef"
    other = {"other_cluster": "the cluster other1", "left_on_cluster": "unknown"}
    retry = {"id": "99", "event": "retry_requested", "payload": {"elb_job_id": retried}}

    def with_other_cluster(route: Route) -> None:
        answer = route.fetch(headers={**route.request.headers, "if-none-match": ""})
        route.fulfill(response=answer, json=answer.json() | other)

    def with_retry(route: Route) -> None:
        answer = route.fetch(headers={**route.request.headers, "if-none-match": ""})
        events = answer.json()
        events["events"].append(events["events"][-1] | retry)
        route.fulfill(response=answer, json=events)

    page.route(f"**/api/blast/jobs/{job_id}", with_other_cluster)
    page.route(f"**/api/blast/jobs/{job_id}/events*", with_retry)
    page.goto(f"/api/ui#/jobs/{job_id}")
    warning = page.get_by_text("may still run on the cluster other1")
    expect(warning).to_contain_text("an operator must delete")
    expect(warning).to_contain_text(f"elb-job-id={job_id}")
    expect(warning).to_contain_text(f"elb-job-id={retried}")
    expect(page.get_by_role("button", name="Run again")).to_be_visible()
    expect(page.get_by_role("button", name="Clean up now")).to_be_hidden()
