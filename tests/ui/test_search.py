"""A search by the page: the only run of a real browser in `make test`."""

import re

from playwright.sync_api import Page, expect

from local.demo.queries import DEMO_DATABASE, DEMO_OPTIONS, demo_queries
from tests.end_to_end.conftest import TWO_BATCHES, StackFixture
from tests.ui.browser import PHONE, fits_width, job_id_of


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
