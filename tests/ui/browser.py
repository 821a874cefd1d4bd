"""Debian's Chromium, headless, and a record of what a page does in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    ViewportSize,
    sync_playwright,
)

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
)
TIMEOUT_MS = 30_000
"""For each expectation; most are met within tens of milliseconds."""
PHONE: ViewportSize = {"width": 360, "height": 740}
NETWORK_ERROR = "Failed to load resource"
"""The browser logs this for error responses and lost connections, which the page handles."""


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def fits_width(page: Page) -> bool:
    """Whether the page does not scroll sideways."""
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return bool(page.evaluate(overflow) == 0)


@dataclass
class PageActivity:
    """The requests of a page, and its errors and warnings."""

    requests: list[Request] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def urls_with(self, part: str) -> list[str]:
        """The URLs of requests that contain this part, in order."""
        return [request.url for request in self.requests if part in request.url]

    def external_urls(self) -> list[str]:
        """URLs of other machines; `data:` and `blob:` URLs have no host."""
        local_hosts = {"127.0.0.1", "localhost", None}
        urls = [request.url for request in self.requests]
        return [url for url in urls if urlsplit(url).hostname not in local_hosts]

    def add_console_message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and NETWORK_ERROR not in message.text:
            self.errors.append(message.text)


@contextmanager
def open_page(browser: Browser, **options: Any) -> Iterator[tuple[Page, PageActivity]]:
    """A page in a new context. Fails if the page had errors or sent requests to other machines."""
    context = browser.new_context(**options)
    context.set_default_timeout(TIMEOUT_MS)
    page, activity = context.new_page(), PageActivity()
    page.on("request", lambda request: activity.requests.append(request))
    page.on("console", activity.add_console_message)
    page.on("pageerror", lambda error: activity.errors.append(str(error)))
    try:
        yield page, activity
        assert activity.external_urls() == []
        assert activity.errors == []
    finally:
        context.close()
