"""The log on a job's page, and links to result files that open without a token."""

import re

import pytest
import urllib3
from playwright.sync_api import Page, expect

from local.elastic_blast.fault_rules import FaultRule, JobFaultRule
from tests.end_to_end.conftest import StackFixture
from tests.support.samples import WORDS
from tests.ui.browser import PHONE, PageActivity, fits_width

pytestmark = pytest.mark.acceptance

RESTARTED = JobFaultRule(fail_attempts=1, stderr=f"{WORDS}\n" + "a line\n" * 60, hang=True)
LINES = ".log li"


@pytest.fixture
def hanging_job(world: StackFixture) -> str:
    """A search whose first attempts fail, with many lines; the next ones never end."""
    key = world.add_fault(lambda job_id: FaultRule(key=job_id, jobs=RESTARTED))
    job_id = world.submit(key=key)
    world.until(job_id, lambda job: bool(world.processes_of(job_id)))
    return job_id


def poll(page: Page, job_id: str) -> None:
    """Let the page poll now, and wait until it has read the job."""
    with page.expect_response(re.compile(f"/blast/jobs/{job_id}$")):
        page.evaluate("dispatchEvent(new Event('online'))")


def test_the_log_is_read_when_it_is_opened_and_followed(
    page: Page, world: StackFixture, activity: PageActivity, hanging_job: str
) -> None:
    page.goto(f"/api/ui#/jobs/{hanging_job}")
    expect(page.get_by_text("All", exact=False).first).to_be_visible()
    assert activity.urls_with("/blast/logs/") == []
    page.get_by_text("Log", exact=True).click()
    expect(page.locator(LINES).filter(has_text=WORDS).first).to_be_visible()
    region = page.get_by_role("region", name="Log lines")
    at_end = "it => it.scrollHeight - it.scrollTop - it.clientHeight < 24"
    assert region.evaluate(at_end)
    region.evaluate("it => { it.scrollTop = 40; }")
    world.api.cancel(hanging_job)
    expect(page.locator(".lead .badge")).to_have_text("cancelled")
    expect(page.locator(LINES).filter(has_text="search cancelled")).to_have_count(1)
    assert region.evaluate("it => it.scrollTop") == 40
    assert len(activity.urls_with("/ticket")) == 1
    texts = page.locator(LINES).evaluate_all("all => all.map(it => it.dataset.key)")
    assert len({*texts}) == len(texts)
    page.set_viewport_size(PHONE)
    assert fits_width(page)


def test_the_log_pauses_while_the_tab_is_hidden_and_stays_closed_when_closed(
    page: Page, world: StackFixture, activity: PageActivity, hanging_job: str
) -> None:
    page.goto(f"/api/ui#/jobs/{hanging_job}")
    page.get_by_text("Log", exact=True).click()
    expect(page.locator(LINES).first).to_be_visible()
    page.evaluate(
        "Object.defineProperty(document, 'hidden', { get: () => true, configurable: true })"
    )
    poll(page, hanging_job)
    reads = len(activity.urls_with("/blast/logs/"))
    poll(page, hanging_job)
    poll(page, hanging_job)
    assert len(activity.urls_with("/blast/logs/")) == reads
    with page.expect_response(re.compile("/blast/logs/.*/events")):
        page.evaluate(
            "delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))"
        )
    page.get_by_text("Log", exact=True).click()
    poll(page, hanging_job)
    reads = len(activity.urls_with("/blast/logs/"))
    poll(page, hanging_job)
    assert len(activity.urls_with("/blast/logs/")) == reads
    world.api.cancel(hanging_job)
    world.ended(hanging_job)


def test_a_link_to_a_file_opens_without_a_token_and_says_until_when(
    page: Page, world: StackFixture
) -> None:
    job_id = world.submit()
    world.ended(job_id)
    page.goto(f"/api/ui#/jobs/{job_id}")
    page.get_by_role("button", name=re.compile("^Link to .*out.gz")).first.click()
    dialog = page.get_by_role("dialog", name="Link to a file")
    expect(dialog).to_contain_text("without signing in, for 5 minutes: until")
    url = dialog.get_by_label("Link").input_value()
    answer = urllib3.request("GET", url, timeout=30)
    assert (answer.status, answer.data[:2]) == (200, b"\x1f\x8b")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    dialog.get_by_role("button", name="Copy link").click()
    expect(dialog).not_to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == url
