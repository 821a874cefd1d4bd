"""The page in a real browser, over the whole running stack."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.end_to_end.conftest import StackFixture, running
from tests.end_to_end.conftest import system as world
from tests.ui.browser import PATIENCE, Seen, a_page, chromium

__all__ = ["running", "world"]

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Not for the session: while it is open, no other test of this process can have an event loop.
    with chromium() as one:
        yield one


@pytest.fixture
def seen_page(browser: Browser, world: StackFixture) -> Iterator[tuple[Page, Seen]]:
    with a_page(browser, base_url=world.stack.url) as both:
        yield both


@pytest.fixture
def page(seen_page: tuple[Page, Seen]) -> Page:
    return seen_page[0]


@pytest.fixture
def seen(seen_page: tuple[Page, Seen]) -> Seen:
    return seen_page[1]
