"""The views of hits: filters, pages, letters, queries, pictures, links, exports."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from local.demo.queries import DEMO_BATCH_LEN, DEMO_OPTIONS
from tests.end_to_end.conftest import StackFixture
from tests.ui.browser import PHONE, TIMEOUT_MS, fits_width

pytestmark = pytest.mark.acceptance

ROWS = "table.hits tbody tr"


@pytest.fixture(scope="module")
def job_id(running: StackFixture) -> str:
    """A search with XML, several batches and more hits than a page has."""
    options = DEMO_OPTIONS.replace("-outfmt 6", "-outfmt 5")
    job_id = running.submit(batch_len=DEMO_BATCH_LEN, additional_options=options)
    running.ended(job_id)
    return job_id


def results(world: StackFixture, job_id: str, part: str, **query: Any) -> Any:
    params = "&".join(f"{name}={value}" for name, value in query.items())
    return world.api.get(f"/api/blast/jobs/{job_id}/results/{part}?{params}")


@pytest.fixture
def hits(page: Page, job_id: str) -> Page:
    page.goto(f"/api/ui#/jobs/{job_id}")
    expect(page.locator(ROWS).first).to_be_visible(timeout=TIMEOUT_MS)
    return page


def test_pages_are_turned_by_keyboard_and_are_in_the_address(
    hits: Page, world: StackFixture, job_id: str
) -> None:
    second = results(world, job_id, "alignments", page_size=100, page=2)
    assert second["pages"] > 1
    hits.get_by_role("button", name="Next hits").focus()
    hits.keyboard.press("Enter")
    expect(hits.get_by_text(f"Page 2 of {second['pages']}")).to_be_visible()
    expect(hits.locator(ROWS).first.locator("td").nth(1)).to_contain_text(
        second["alignments"][0]["sseqid"]
    )
    assert hits.url.endswith("?page=2")
    hits.reload()
    expect(hits.get_by_text(f"Page 2 of {second['pages']}")).to_be_visible()
    hits.go_back()
    expect(hits.get_by_text(f"Page 1 of {second['pages']}")).to_be_visible()
    hits.get_by_role("button", name="Last hits").click()
    expect(hits.get_by_text(f"Page {second['pages']} of")).to_be_visible()


def test_filters_count_what_passes_and_can_be_linked_to(
    hits: Page, world: StackFixture, job_id: str
) -> None:
    expected = results(world, job_id, "aggregate", min_identity=95, max_evalue="1e-50")["stats"]
    hits.get_by_label("Identity from").fill("95")
    hits.get_by_label("E-value up to").fill("1e-50")
    hits.keyboard.press("Enter")
    total = hits.locator("dl.totals dd").first
    expect(total).to_have_text(f"{expected['total_hits']:,}")
    assert hits.url.endswith("?min_identity=95&max_evalue=1e-50")
    with hits.expect_download() as download:
        hits.get_by_role("link", name="TSV").click()
    assert len(download.value.path().read_text().splitlines()) == expected["total_hits"] + 1
    hits.get_by_label("Text in ids and titles").fill("no such text")
    hits.keyboard.press("Enter")
    expect(hits.get_by_text("No hit passes these filters.")).to_be_visible()
    expect(hits.get_by_text("Loading …")).to_have_count(0)
    hits.get_by_role("button", name="Clear filters").click()
    everything = results(world, job_id, "aggregate")["stats"]["total_hits"]
    expect(total).to_have_text(f"{everything:,}")
    expect(hits.get_by_label("Text in ids and titles")).to_have_value("")


def test_a_wrong_filter_is_refused_in_words(hits: Page) -> None:
    hits.get_by_label("E-value up to").fill("small")
    hits.keyboard.press("Enter")
    expect(hits.locator("p.message.error")).to_contain_text("max_evalue")
    hits.get_by_role("button", name="Clear filters").click()
    expect(hits.locator("p.message.error")).to_have_count(0)


def test_an_alignment_is_shown_in_letters(hits: Page, world: StackFixture, job_id: str) -> None:
    (best,) = results(world, job_id, "alignments", page_size=1)["alignments"]
    toggle = hits.get_by_role("button", name=re.compile("^Alignment of")).first
    toggle.click()
    expect(toggle).to_have_attribute("aria-expanded", "true")
    lines = (hits.locator("tr.alignment pre").text_content() or "").splitlines()
    query = [line.split() for line in lines if line.startswith("Query")]
    subject = [line.split() for line in lines if line.startswith("Sbjct")]
    for found, letters, start, end in (
        (query, best["qseq"], best["qstart"], best["qend"]),
        (subject, best["sseq"], best["sstart"], best["send"]),
    ):
        assert "".join(line[2] for line in found) == letters
        assert (int(found[0][1]), int(found[-1][3])) == (start, end)
    toggle.click()
    expect(hits.locator("tr.alignment")).to_have_count(0)


def test_the_xml_of_all_batches_is_one_document(
    hits: Page, world: StackFixture, job_id: str
) -> None:
    with hits.expect_download() as download:
        hits.get_by_role("link", name="XML", exact=True).click()
    text = download.value.path().read_text()
    queries = results(world, job_id, "queries", page_size=1)["total"]
    assert text.count("<?xml") == text.count("</BlastOutput>") == 1
    assert f"<Iteration_query-ID>Query_{queries}</Iteration_query-ID>" in text


def test_queries_are_listed_with_their_hits_and_lead_to_them(
    hits: Page, world: StackFixture, job_id: str
) -> None:
    hits.get_by_role("link", name="Queries", exact=True).click()
    expected = results(world, job_id, "queries", page_size=100)
    rows = hits.locator(ROWS)
    expect(rows).to_have_count(min(100, expected["total"]))
    header = hits.get_by_role("columnheader", name="Hits", exact=False).first
    header.get_by_role("button").click()
    expect(header).to_have_attribute("aria-sort", "ascending")
    header.get_by_role("button").click()
    (most,) = results(world, job_id, "queries", page_size=1, sort_by="hits", sort_dir="desc")[
        "queries"
    ]
    expect(rows.first).to_contain_text(most["query_id"])
    expect(rows.first).to_contain_text(f"{most['hits']:,}")
    rows.first.get_by_role("link").click()
    expect(hits.locator("dl.totals dd").first).to_have_text(f"{most['hits']:,}")
    expect(hits.get_by_label("Query", exact=True)).to_have_value(most["query_id"])


def test_pictures_are_of_all_hits_and_of_one_query(
    page: Page, world: StackFixture, job_id: str
) -> None:
    query = results(world, job_id, "alignments", page_size=1)["query_ids"][0]
    page.goto(f"/api/ui#/jobs/{job_id}?view=pictures&query_id={query}")
    for caption in ("Identity", "E-value"):
        expect(page.get_by_role("img", name=re.compile(f"^{caption}: most hits"))).to_be_visible()
    expect(page.get_by_text("staxids sscinames")).to_be_visible()
    subjects = results(world, job_id, "aggregate", query_id=query)["stats"]["unique_subjects"]
    expect(page.locator(".lanes li")).to_have_count(min(50, subjects))


def test_a_bin_of_a_picture_leads_to_its_hits_or_queries(
    page: Page, world: StackFixture, job_id: str
) -> None:
    coverage = results(world, job_id, "coverage")
    stats = results(world, job_id, "aggregate")["stats"]
    for caption, counts, is_of_queries in (
        ("Queries by what their best hit covers", coverage["coverage_distribution"], True),
        ("Identity", stats["identity_distribution"], False),
        ("E-value", stats["evalue_distribution"], False),
    ):
        page.goto(f"/api/ui#/jobs/{job_id}?view=pictures")
        figure = page.locator("figure").filter(has_text=caption).first
        figure.get_by_text("As a table").click()
        for label in [label for label, count in counts.items() if count][-2:]:
            figure.get_by_role("link", name=label, exact=True).click()
            if is_of_queries:
                noun = "query" if counts[label] == 1 else "queries"
                expect(page.get_by_text(f"{counts[label]:,} {noun}: the best hit")).to_be_visible()
            else:
                expect(page.locator("dl.totals dd").first).to_have_text(f"{counts[label]:,}")
            page.go_back()
            figure.get_by_text("As a table").click()
    if coverage["without_hits"]:
        page.get_by_role("link", name=f"{coverage['without_hits']} without hits").click()
        expect(page.locator(ROWS)).to_have_count(min(100, coverage["without_hits"]))


def test_an_organism_leads_to_its_hits(page: Page, world: StackFixture, job_id: str) -> None:
    """By its taxid, else by its name. Hits of no organism have no filter, and no link."""
    found = results(world, job_id, "taxonomy")
    organism = {"key": "x", "best_evalue": None, "top_bitscore": None, "organism_source": ""}
    counts = [("Homo sapiens", "9606", 7), ("Mus musculus", "", 5), ("", "10116", 3), ("", "", 2)]
    found["message"] = None
    found["organisms"] = [
        {**organism, "organism": name, "taxid": taxid, "count": count}
        for name, taxid, count in counts
    ]
    body = json.dumps(found)
    page.route(re.compile("/results/taxonomy"), lambda route: route.fulfill(body=body))
    for name, filtered in (
        ("Homo sapiens", "taxid=9606"),
        ("Mus musculus", "organism=Mus"),
        ("taxid 10116", "taxid=10116"),
    ):
        page.goto(f"/api/ui#/jobs/{job_id}?view=pictures")
        page.get_by_role("link", name=name, exact=True).click()
        with page.expect_response(re.compile("/results/alignments.*" + filtered)):
            page.reload()
    page.goto(f"/api/ui#/jobs/{job_id}?view=pictures")
    expect(page.get_by_text("unclassified", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="unclassified", exact=True)).to_have_count(0)


@pytest.mark.parametrize("view", ["table", "queries", "pictures"])
def test_each_view_fits_a_phone(page: Page, job_id: str, view: str) -> None:
    page.set_viewport_size(PHONE)
    page.goto(f"/api/ui#/jobs/{job_id}?view={view}")
    expect(page.locator("table.hits, .charts").first).to_be_visible()
    assert fits_width(page)


def test_the_page_says_how_much_is_indexed(page: Page, job_id: str) -> None:
    message = "the hits are being indexed, 2 of 5 parts are done: ask again in about 9 s"
    body = json.dumps({"message": message, "detail": {"code": "index_pending", "message": message}})
    pattern = re.compile("/results/(aggregate|alignments)")
    page.route(pattern, lambda route: route.fulfill(status=503, body=body))
    page.goto(f"/api/ui#/jobs/{job_id}")
    expect(page.get_by_role("region", name="Hits")).to_contain_text("2 of 5 parts are done")
    expect(page.locator("#unavailable")).to_be_hidden()
    page.unroute(pattern)
    expect(page.locator(ROWS).first).to_be_visible(timeout=TIMEOUT_MS)


DECIDE = ["Query", "Subject", "Identity %", "E-value", "Bit score"]


@pytest.mark.parametrize("width", [1920, 1280, 768, PHONE["width"]], ids=str)
def test_what_decides_about_a_hit_is_seen_without_scrolling(hits: Page, width: int) -> None:
    """On a phone, the ids alone fill the table; the other columns are reached by keyboard."""
    hits.set_viewport_size({"width": width, "height": 800})
    region = hits.get_by_role("region", name="Table of hits")
    right = "it => Math.round(it.getBoundingClientRect().right)"

    def seen() -> list[str]:
        edge = region.evaluate(right)
        columns = hits.get_by_role("columnheader").all()
        names = [column.inner_text().split("\n")[0].strip(" ↕↑↓") for column in columns]
        return [
            n for n, column in zip(names, columns, strict=True) if column.evaluate(right) <= edge
        ]

    at_once = seen()
    if width >= 1280:
        assert [*at_once] == [*DECIDE, "Length", "Query position"]
    elif width >= 768:
        assert at_once[: len(DECIDE)] == DECIDE
    region.focus()
    for _ in range(40):
        hits.keyboard.press("ArrowRight")
    hits.wait_for_function(
        "it => it.scrollLeft + it.clientWidth >= it.scrollWidth - 1", arg=region.element_handle()
    )
    assert seen()[-1] == "Query position"
    assert fits_width(hits)
