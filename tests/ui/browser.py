"""Debian's Chromium, without a window, and what went on in it."""

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
PATIENCE = 30_000
"""Milliseconds for anything that is waited for; most of it takes some tens."""
PHONE: ViewportSize = {"width": 360, "height": 740}
OF_THE_NETWORK = "Failed to load resource"
"""How the browser itself notes a refusal or an absence; the page tells people of both."""


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def fits(page: Page) -> bool:
    """Whether nothing makes the page scroll sideways."""
    wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return bool(page.evaluate(wider) == 0)


@dataclass
class Seen:
    """What a page has asked for, and the errors that it made."""

    requests: list[Request] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def asked(self, part: str) -> list[str]:
        """The addresses of requests with this part in them, in order."""
        return [one.url for one in self.requests if part in one.url]

    def elsewhere(self) -> list[str]:
        """Addresses that are not this machine's; `data:` and `blob:` have none."""
        hosts = {"127.0.0.1", "localhost", None}
        return [one.url for one in self.requests if urlsplit(one.url).hostname not in hosts]

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and OF_THE_NETWORK not in message.text:
            self.errors.append(message.text)


@contextmanager
def a_page(browser: Browser, **options: Any) -> Iterator[tuple[Page, Seen]]:
    """A page with a context of its own. It has made no error and asked nobody elsewhere."""
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE)
    page, seen = context.new_page(), Seen()
    page.on("request", lambda request: seen.requests.append(request))
    page.on("console", seen.hear)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    try:
        yield page, seen
        assert seen.elsewhere() == []
        assert seen.errors == []
    finally:
        context.close()
