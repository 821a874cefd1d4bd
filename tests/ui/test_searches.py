"""The actions of the page: submit, watch, read hits, cancel, retry."""

import gzip
import re

import pytest
from playwright.sync_api import Page, expect

from local.demo.queries import DEMO_DATABASE, DEMO_OPTIONS, demo_queries
from tests.end_to_end.conftest import TWO_BATCHES, StackFixture
from tests.end_to_end.test_cancel import hanging
from tests.ui.browser import PHONE, PageActivity, fits_width

pytestmark = pytest.mark.acceptance

MARKUP_TITLE = "<img src=x onerror=document.title='pwned'>"


def job_id_of(page: Page) -> str:
    page.wait_for_url(re.compile(r"#/jobs/job-"))
    return page.url.split("/")[-1]


def test_a_search_is_submitted_watched_and_its_hits_are_read(
    page: Page, world: StackFixture
) -> None:
    page.goto("/api/ui#/new")
    page.get_by_label("Title").fill("Orchids by the page")
    page.get_by_role("radio", name=DEMO_DATABASE).check()
    page.get_by_label("Query", exact=True).fill(demo_queries())
    page.get_by_text("Options", exact=True).click()
    page.get_by_label("Residues per batch").fill(str(TWO_BATCHES))
    page.get_by_label("Additional options").fill(DEMO_OPTIONS.replace(" -outfmt 6", ""))
    page.get_by_role("button", name="Submit search").click()
    job_id = job_id_of(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Orchids by the page")
    expect(page.get_by_role("img", name="2 of 2 batches done")).to_be_visible()
    expect(page.locator(".lead .badge")).to_have_text("completed")
    expect(page.locator(".timeline li")).to_contain_text(["queued", "submitting", "running"])
    read_hits(page, world, job_id)
    page.set_viewport_size(PHONE)
    assert fits_width(page)


def read_hits(page: Page, world: StackFixture, job_id: str) -> None:
    path = f"/api/blast/jobs/{job_id}/results"
    stats = world.api.get(f"{path}/aggregate")["stats"]
    pages = world.api.get(f"{path}/alignments?page_size=100")
    hits = pages["alignments"]
    expect(page.locator("dl.totals")).to_contain_text(f"{stats['total_hits']:,}")
    rows = page.locator("table.hits tbody tr")
    expect(rows).to_have_count(len(hits))
    expect(rows.first.get_by_role("img")).to_have_attribute("aria-label", re.compile(r"^\d+ to \d"))
    header = page.get_by_role("columnheader", name="Identity")
    for order, direction in (("ascending", "asc"), ("descending", "desc")):
        header.get_by_role("button").click()
        expect(header).to_have_attribute("aria-sort", order)
        sort = f"sort_by=pident&sort_dir={direction}"
        (extreme,) = world.api.get(f"{path}/alignments?page_size=1&{sort}")["alignments"]
        expect(rows.first.locator("td").nth(2)).to_have_text(f"{extreme['pident']:.1f}")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert len(download.value.path().read_text().splitlines()) == stats["total_hits"] + 1


def test_a_phone_has_all_actions_of_a_search(page: Page, world: StackFixture) -> None:
    job_id = world.submit()
    page.set_viewport_size(PHONE)
    page.goto(f"/api/ui#/jobs/{job_id}")
    world.ended(job_id)
    for name in ("Edit and submit", "Delete"):
        expect(page.get_by_role("main").get_by_text(name, exact=True)).to_be_visible()
    pager = page.locator(".pager button")
    expect(pager).to_have_count(4)
    heights = pager.evaluate_all("all => all.map(it => it.offsetHeight)")
    assert max(heights) < 60  # one line of text
    assert fits_width(page)


def test_a_search_is_cancelled_after_a_confirmation(page: Page, world: StackFixture) -> None:
    job_id = world.submit(key=hanging(world), job_title=MARKUP_TITLE)
    world.until(job_id, lambda job: bool(world.processes_of(job_id)))
    page.goto(f"/api/ui#/jobs/{job_id}")
    expect(page.get_by_role("heading", level=1)).to_have_text(MARKUP_TITLE)
    cancel = page.get_by_role("button", name="Cancel search")
    cancel.click()
    dialog = page.get_by_role("dialog", name="Cancel this search?")
    expect(dialog).to_contain_text(MARKUP_TITLE)
    page.keyboard.press("Enter")  # "Keep running" has the focus
    expect(dialog).not_to_be_visible()
    assert world.api.job(job_id)["phase"] != "cancelling"
    cancel.click()
    dialog.get_by_role("button", name="Cancel search").click()
    expect(page.locator(".lead .badge")).to_have_text("cancelled")
    expect(cancel).to_have_count(0)
    page.goto("/api/ui#/")
    expect(page.locator(".jobs .title").first).to_have_text(MARKUP_TITLE)
    assert page.locator("main img:not([role])").count() == 0
    assert "pwned" not in page.title()


def test_a_refused_request_shows_each_fault_at_its_field(
    page: Page, activity: PageActivity
) -> None:
    page.goto("/api/ui#/new")
    page.get_by_label("Query", exact=True).fill("no FASTA at all")
    page.get_by_text("Options", exact=True).click()
    page.get_by_label("E-value threshold").fill("-1")
    page.get_by_text("Options", exact=True).click()
    page.get_by_role("button", name="Submit search").click()
    expect(page.get_by_role("alert")).to_contain_text("not accepted")
    query = page.get_by_label("Query", exact=True)
    expect(query).to_be_focused()
    expect(query).to_have_accessible_description(re.compile("must begin with a line"))
    expect(page.get_by_role("radiogroup", name="Database")).to_have_attribute(
        "aria-invalid", "true"
    )
    evalue = page.get_by_label("E-value threshold")
    expect(evalue).to_have_accessible_description(re.compile("greater than 0"))
    expect(evalue).to_have_value("-1")
    assert len(activity.urls_with("/blast/jobs")) == 1


def test_a_file_is_submitted_with_the_keyboard_alone(page: Page, world: StackFixture) -> None:
    page.goto("/api/ui#/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("New search")
    query = {"name": "q.fa", "mimeType": "text/plain", "buffer": b">q1\n" + b"ACGTTGCA" * 40}
    expect(page.get_by_role("radio", name=DEMO_DATABASE)).to_be_visible()
    page.get_by_label("or a file").set_input_files(query)  # type: ignore[arg-type]
    page.get_by_label("or a file").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")  # the first database
    expect(page.get_by_role("radio", name=DEMO_DATABASE)).to_be_checked()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("By keyboard")
    page.get_by_text("Options", exact=True).press("Enter")
    page.get_by_label("Output format").select_option("11")
    page.get_by_label("Title").press("Enter")
    job_id = job_id_of(page)
    assert world.api.job(job_id)["job_title"] == "By keyboard"
    expect(page.locator("main")).to_be_focused()
    summary = page.get_by_text(re.compile(r"^All \d+ events$"))
    expect(summary).to_be_visible()
    for _ in range(4):  # the buttons of the search, of which it has fewer once it has ended
        page.keyboard.press("Tab")
        if summary.evaluate("element => element === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.locator(".lead .badge")).to_have_text("completed")
    expect(summary).to_be_focused()  # each redraw keeps the focus
    expect(
        page.get_by_role("region", name="Events").get_by_text("accepted", exact=True)
    ).to_be_visible()
    # Files of a format that the page cannot read can be downloaded.
    expect(page.get_by_role("region", name="Hits")).to_contain_text("11")
    expect(page.locator(".files a")).to_have_count(1)


def test_failure_56_a_file_is_sent_as_it_is_and_its_encoding_named(page: Page) -> None:
    page.goto("/api/ui#/new")
    page.get_by_role("radio", name=DEMO_DATABASE).check()
    latin_1 = {"name": "q.fa", "mimeType": "text/plain", "buffer": ">37 °C\nACGT".encode("latin-1")}
    page.get_by_label("or a file").set_input_files(latin_1)  # type: ignore[arg-type]
    file = page.get_by_label("or a file")
    expect(file).to_have_accessible_description(re.compile("0xB0 in line 1, which is not UTF-8"))
    compressed = {"name": "q.gz", "mimeType": "", "buffer": gzip.compress(b">q\n" + b"ACGT" * 40)}
    file.set_input_files(compressed)  # type: ignore[arg-type]
    expect(page.get_by_text("Ready to submit")).to_be_visible()
    page.get_by_role("button", name="Submit search").click()
    job_id_of(page)


def test_a_failed_search_is_retried(page: Page, world: StackFixture) -> None:
    job_id = world.submit(db="no_such_database")
    world.ended(job_id)
    page.goto(f"/api/ui#/jobs/{job_id}")
    expect(page.locator(".message.error")).to_be_visible()
    before = page.locator("table tbody tr").count()
    page.get_by_role("button", name="Run again").click()
    expect(page.locator("table tbody tr").filter(has_text="retry requested")).to_have_count(1)
    assert page.locator("table tbody tr").count() > before


def test_the_searches_of_a_batch_are_listed(page: Page, world: StackFixture) -> None:
    searches = [{"query_data": f">q{n}\nACGTTGCAACGTTGCA"} for n in (1, 2)]
    request = {"program": "blastn", "db": DEMO_DATABASE, "job_title": "Two", "searches": searches}
    job_id = world.api.submit(request)["job_id"]
    page.goto(f"/api/ui#/jobs/{job_id}")
    expect(page.get_by_role("img", name=re.compile("of 2 searches done"))).to_be_visible()
    region = page.get_by_role("region", name="Searches")
    expect(region.locator(".jobs li")).to_have_count(2)
    expect(region).to_contain_text("2 searches: ")
    region.locator(".jobs a").first.click()
    page.get_by_role("link", name="a batch").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Two")
    expect(region).to_contain_text("2 searches: 2 completed.")


def test_a_search_is_deleted_after_a_confirmation(page: Page, world: StackFixture) -> None:
    job_id = world.submit(job_title="To be deleted")
    world.ended(job_id)
    page.goto(f"/api/ui#/jobs/{job_id}")
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete this search?")
    page.keyboard.press("Enter")  # "Keep it" has the focus
    expect(dialog).not_to_be_visible()
    assert world.api.job(job_id)["status"] == "completed"
    page.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete search").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Deleted")
    page.get_by_role("link", name="All searches").click()
    expect(page.locator(".jobs, .empty")).to_be_visible()
    expect(page.locator(".jobs").get_by_text("To be deleted")).to_have_count(0)


def test_a_running_search_is_deleted_once_nothing_of_it_is_left(
    page: Page, world: StackFixture
) -> None:
    job_id = world.submit(key=hanging(world), job_title="Deleted while it runs")
    world.until(job_id, lambda job: bool(world.processes_of(job_id)))
    page.goto(f"/api/ui#/jobs/{job_id}")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete search").click()
    expect(page.get_by_text("The search is cancelled first, then deleted.")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("Deleted")
    assert world.processes_of(job_id) == []
