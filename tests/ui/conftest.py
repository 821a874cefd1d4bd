"""The page in a real browser, over the whole running stack."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from local.elastic_blast.databases import upload_database
from tests.end_to_end.conftest import StackFixture, running
from tests.end_to_end.conftest import system as world
from tests.ui.browser import TIMEOUT_MS, PageActivity, chromium, open_page

__all__ = ["running", "world"]
PROTEIN = ">p\nMKWVTFISLLFLFSSAYSRGVFRRDAHK\n"
PROTEINS = "proteins_of_the_form"

expect.set_options(timeout=TIMEOUT_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Not session-scoped: while it is open, no other test of this process can run an event loop.
    with chromium() as chromium_browser:
        yield chromium_browser


@pytest.fixture(scope="session")
def protein_database(running: StackFixture, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database beside the demo's, there before any page lists them: the app keeps its list."""
    fasta = tmp_path_factory.mktemp("proteins") / "proteins.fa"
    fasta.write_text(PROTEIN)
    upload_database(fasta, PROTEINS, running.stack.environment, kind="prot")
    return PROTEINS


@pytest.fixture
def page_and_activity(
    browser: Browser, world: StackFixture, protein_database: str
) -> Iterator[tuple[Page, PageActivity]]:
    with open_page(browser, base_url=world.stack.url) as opened:
        yield opened


@pytest.fixture
def page(page_and_activity: tuple[Page, PageActivity]) -> Page:
    return page_and_activity[0]


@pytest.fixture
def activity(page_and_activity: tuple[Page, PageActivity]) -> PageActivity:
    return page_and_activity[1]
