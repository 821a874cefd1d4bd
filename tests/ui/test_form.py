"""The form for a new search: databases, recognised types, the check while typing, and files."""

import gzip
import random
import re

import pytest
from playwright.sync_api import Page, Route, expect

from local.demo.queries import DEMO_DATABASE
from tests.end_to_end.conftest import StackFixture
from tests.ui.browser import PHONE, PageActivity, fits_width
from tests.ui.conftest import PROTEIN

pytestmark = pytest.mark.acceptance

NUCLEOTIDES = ">q\nCGTAACAAGGTTTCCGTAGGTGAACC\n"


def open_form(page: Page) -> None:
    page.goto("/api/ui#/new")
    expect(page.get_by_role("radio", name=DEMO_DATABASE)).to_be_visible()


def programs(page: Page) -> list[str]:
    return [
        text.split(" ")[0]
        for text in page.get_by_label("Program").locator("option").all_inner_texts()
    ]


def drop(page: Page, name: str, content: bytes) -> None:
    """Drop a file onto the form, as from a file manager."""
    page.locator("form.submit").evaluate(
        """(form, [name, bytes]) => {
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([new Uint8Array(bytes)], name));
            const options = {dataTransfer, bubbles: true, cancelable: true};
            for (const type of ["dragover", "drop"])
                form.dispatchEvent(new DragEvent(type, options));
        }""",
        [name, list(content)],
    )


def test_the_programs_are_those_for_the_types_of_query_and_database(
    page: Page, protein_database: str
) -> None:
    open_form(page)
    assert len(programs(page)) == 8
    query = page.get_by_label("Query", exact=True)
    query.fill(NUCLEOTIDES)
    expect(page.get_by_label("Type of the query")).to_contain_text("Recognised: nucleotide")
    assert programs(page) == ["blastn", "blastx", "tblastx", "rpstblastn"]
    page.get_by_role("radio", name=protein_database).check()
    assert programs(page) == ["blastx", "rpstblastn"]
    page.get_by_label("Program").select_option("rpstblastn")
    query.fill(PROTEIN)
    expect(page.get_by_label("Program")).to_have_value("blastp")
    page.get_by_role("radio", name=DEMO_DATABASE).check()
    assert programs(page) == ["tblastn"]
    page.get_by_label("Type of the query").select_option("nucl")
    assert programs(page) == ["blastn", "tblastx"]
    page.get_by_label("Type of the query").select_option("")
    query.fill(NUCLEOTIDES + PROTEIN)
    expect(page.get_by_text("some like proteins")).to_be_visible()


def test_options_have_the_defaults_and_ranges_of_the_program(
    page: Page, world: StackFixture
) -> None:
    open_form(page)
    page.get_by_text("Options", exact=True).click()
    (blastn, blastp) = world.api.get("/api/blast/programs")["programs"][:2]
    for program in (blastn, blastp):
        page.get_by_label("Program").select_option(program["name"])
        (word_size,) = (one for one in program["options"] if one["name"] == "word_size")
        field = page.get_by_label("Word size")
        expect(field).to_have_accessible_description(re.compile(f"default {word_size['default']}$"))
        expect(field).to_have_accessible_description(re.compile(f"^{word_size['minimum']} "))
    expect(page.get_by_label("Matrix")).to_contain_text("Default: BLOSUM62")
    expect(page.get_by_label("Minimum identity")).to_have_count(0)


def test_the_form_is_checked_as_one_types_and_leads_to_the_line_of_a_fault(page: Page) -> None:
    open_form(page)
    query = page.get_by_label("Query", exact=True)
    query.fill(f"{NUCLEOTIDES}>empty\n>z\nACGT1EEE\n")
    status = page.locator(".readiness").get_by_role("status")
    expect(status).to_have_text("2 faults to correct.")
    expect(query).to_have_accessible_description(re.compile("line 3 is empty.*line 5 has 'E'"))
    page.get_by_role("button", name="Go to line 5").click()
    selected = "field => field.value.slice(field.selectionStart, field.selectionEnd)"
    assert query.evaluate(selected) == "ACGT1EEE"
    expect(query).to_be_focused()
    query.fill(NUCLEOTIDES)
    expect(status).to_have_text("Still missing: a database.")
    page.get_by_role("radio", name=DEMO_DATABASE).check()
    expect(status).to_contain_text("Ready to submit: 1 sequences, 26 residues")
    page.get_by_label("Another one").check()
    page.get_by_label("Name of the database").fill("../up")
    group = page.get_by_role("radiogroup", name="Database")
    expect(group).to_have_attribute("aria-invalid", "true")


def test_a_check_of_an_earlier_form_is_cancelled_and_its_answer_dropped(
    page: Page, activity: PageActivity
) -> None:
    open_form(page)
    held: list[Route] = []
    page.route("**/blast/pre-flight", lambda route: held.append(route), times=1)
    query = page.get_by_label("Query", exact=True)
    with page.expect_event("requestfailed", lambda request: "pre-flight" in request.url):
        with page.expect_request("**/blast/pre-flight"):
            query.fill(">empty\n")
        query.fill(NUCLEOTIDES)
    expect(page.get_by_text("Still missing: a database.")).to_be_visible()
    held[0].fulfill(json={"ready": False, "checks": [], "faults": [{"loc": ["db"], "msg": "old"}]})
    expect(page.get_by_text("old", exact=True)).to_have_count(0)
    assert len(activity.urls_with("pre-flight")) == 2  # none for each letter


def test_a_small_file_is_dropped_into_the_field_and_a_large_one_uploaded(
    page: Page, activity: PageActivity
) -> None:
    open_form(page)
    page.get_by_role("radio", name=DEMO_DATABASE).check()
    query = page.get_by_label("Query", exact=True)
    drop(page, "small.fa", NUCLEOTIDES.encode())
    expect(query).to_have_value(NUCLEOTIDES)
    large = ">q\n" + "".join(random.Random(1).choices("ACGT", k=150_000)) + "\n"
    drop(page, "large.fa.gz", gzip.compress(large.encode()))
    expect(page.get_by_text("large.fa.gz ·")).to_be_visible()
    expect(query).to_be_hidden()
    expect(page.get_by_label("Type of the query")).to_contain_text("Recognised: nucleotide")
    expect(page.locator(".readiness").get_by_role("status")).to_contain_text("Ready to submit")
    assert len(activity.urls_with("upload-query")) == 1
    page.get_by_role("button", name="Remove the file").click()
    expect(query).to_have_value(NUCLEOTIDES)


def test_an_upload_can_be_cancelled(page: Page) -> None:
    open_form(page)
    page.route("**/blast/upload-query", lambda route: None)
    with page.expect_request("**/blast/upload-query"):
        drop(page, "q.fa.gz", gzip.compress(NUCLEOTIDES.encode()))
    with page.expect_event("requestfailed"):
        page.get_by_role("button", name="Cancel the upload").click()
    expect(page.get_by_label("Query", exact=True)).to_be_visible()


def test_without_a_list_a_database_is_named_by_hand(page: Page) -> None:
    page.route("**/blast/databases", lambda route: route.fulfill(json={"databases": []}))
    page.goto("/api/ui#/new")
    page.get_by_label("Query", exact=True).fill(NUCLEOTIDES)
    page.get_by_label("Name of the database").fill(DEMO_DATABASE)
    expect(page.get_by_text("Ready to submit")).to_be_visible()


def test_many_databases_can_be_filtered_on_a_phone(page: Page) -> None:
    database = {"type": "prot", "size_bytes": 10**9, "ready": True, "letters": 10**9}
    listed = [
        database | {"name": f"db{n}", "prefix": f"db{n}", "title": f"Proteins of family {n}"}
        for n in range(40)
    ]
    page.route("**/blast/databases", lambda route: route.fulfill(json={"databases": listed}))
    page.set_viewport_size(PHONE)
    page.goto("/api/ui#/new")
    page.get_by_role("radio", name="family 3 ").or_(
        page.get_by_role("radio", name="db3 ")
    ).first.check()
    page.get_by_label("Filter the databases").fill("family 17")
    expect(page.get_by_role("radio")).to_have_count(3)  # the chosen one, too, and "another one"
    assert fits_width(page)


def test_an_earlier_search_is_edited_and_submitted_again(page: Page, world: StackFixture) -> None:
    job_id = world.submit(job_title="Earlier", query_data=NUCLEOTIDES, evalue=0.5)

    def with_payload(route: Route) -> None:
        answer = route.fetch(headers={**route.request.headers, "if-none-match": ""})
        db = f"blast-db/{DEMO_DATABASE}/{DEMO_DATABASE}"
        fields = {"program": "blastn", "db": db, "job_title": "Earlier", "evalue": 0.5}
        payload = fields | {"query_file": "queries/q.fa", "num_nodes": 2}
        route.fulfill(response=answer, json=answer.json() | {"payload": payload})

    page.route(f"**/api/blast/jobs/{job_id}", with_payload)
    page.goto(f"/api/ui#/jobs/{job_id}")
    page.get_by_role("link", name="Edit and submit").click()
    expect(page.get_by_label("Query", exact=True)).to_have_value(NUCLEOTIDES)
    expect(page.get_by_role("radio", name=DEMO_DATABASE)).to_be_checked()
    expect(page.get_by_label("Program")).to_have_value("blastn")
    page.get_by_text("Options", exact=True).click()
    expect(page.get_by_label("E-value threshold")).to_have_value("0.5")
    page.get_by_label("E-value threshold").fill("0.25")
    page.get_by_label("Title").fill("Edited")
    with page.expect_request("**/api/blast/jobs") as request:
        page.get_by_role("button", name="Submit search").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Edited")
    sent = request.value.post_data_json or {}
    assert (sent["evalue"], sent["num_nodes"], sent["query_data"]) == ("0.25", 2, NUCLEOTIDES)
