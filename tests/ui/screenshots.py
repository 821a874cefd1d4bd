"""`python -m tests.ui.screenshots`: screenshots of the page, with searches of a local stack."""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize, expect

from local.demo.queries import DEMO_BATCH_LEN, DEMO_DATABASE, DEMO_FASTA
from local.elastic_blast.databases import upload_database
from local.elastic_blast.fault_rules import FaultRule, JobFaultRule
from local.stack import PROJECT, Stack
from tests.end_to_end.conftest import FAST_POLLING, StackFixture
from tests.support.samples import WORDS
from tests.ui.browser import PHONE, TIMEOUT_MS, chromium, open_page

IMAGES = PROJECT / "docs" / "images"
WIDE: ViewportSize = {"width": 1100, "height": 760}
HANGING = JobFaultRule(batches=(2, 3), hang=True)
PENDING = JobFaultRule(pending="Unschedulable")
FAILING = JobFaultRule(batches=(1,), fail_attempts=4, stderr=WORDS)


def submit_searches(world: StackFixture) -> str:
    """Submit a search for each state to show; the id of the one with hits."""
    completed = world.submit(batch_len=DEMO_BATCH_LEN)
    world.ended(completed)
    rules = {"Orchids, failing on purpose": FAILING, "Orchids, half way": HANGING}
    rules["Orchids, waiting for a machine"] = PENDING
    for title, rule in rules.items():
        key = world.add_fault(lambda job_id, rule=rule: FaultRule(key=job_id, jobs=rule))  # type: ignore[misc]
        job_id = world.submit(key=key, job_title=title, batch_len=DEMO_BATCH_LEN)
        if rule is FAILING:
            world.ended(job_id)
        elif rule is HANGING:
            world.until(job_id, lambda job: job["splits_done"] == 2)
        else:
            world.until(job_id, lambda job: bool(job.get("reason")))
    return completed


def take_screenshots(browser: Browser, world: StackFixture, job_id: str) -> None:
    """Each view in the light, dark and phone variants."""
    variants = {
        "ui-light": ("light", WIDE),
        "ui-dark": ("dark", WIDE),
        "ui-phone": ("light", PHONE),
    }
    views = {"list": ("#/", ".jobs li"), "job": (f"#/jobs/{job_id}", "table.hits tbody tr")}
    views["hits"] = views["job"]
    views["form"] = ("#/new", "form.submit input[type=radio]")
    for name, (scheme, size) in variants.items():
        options = {"base_url": world.stack.url, "viewport": size, "color_scheme": scheme}
        for view, (fragment, awaited) in views.items():
            with open_page(browser, **options) as (page, _):
                page.goto(f"/api/ui{fragment}")
                expect(page.locator(awaited).first).to_be_visible(timeout=TIMEOUT_MS)
                if view == "hits":
                    page.locator("#hits-title").evaluate("it => it.scrollIntoView()")
                page.screenshot(path=IMAGES / f"{name}-{view}.png", full_page=False)


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    settings = FAST_POLLING | {"BLAST_POD_DIAGNOSIS_AFTER": "1s"}
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        stack = Stack(Path(folder), settings=settings)
        stack.start()
        try:
            upload_database(DEMO_FASTA, DEMO_DATABASE, stack.environment)
            world = StackFixture(stack)
            take_screenshots(browser, world, submit_searches(world))
        finally:
            stack.stop()
    for image in sorted(IMAGES.glob("ui-*.png")):
        sys.stdout.write(f"{image.name}: {image.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
