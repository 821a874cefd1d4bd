"""`python -m tests.ui.screenshots`: pictures of the page, of searches as they come to be here."""

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
from tests.ui.browser import PATIENCE, PHONE, a_page, chromium

IMAGES = PROJECT / "docs" / "images"
WIDE: ViewportSize = {"width": 1100, "height": 760}
HALF_WAY = JobFaultRule(batches=(2, 3), hang=True)
PENDING = JobFaultRule(pending="Unschedulable")
BROKEN = JobFaultRule(batches=(1,), fail_attempts=4, stderr=WORDS)


def scene(world: StackFixture) -> str:
    """A search of each kind; the id of the one with hits."""
    shown = world.submit(batch_len=DEMO_BATCH_LEN)
    world.ended(shown)
    names = {"Orchids, broken on purpose": BROKEN, "Orchids, half way": HALF_WAY}
    names["Orchids, waiting for a machine"] = PENDING
    for title, trouble in names.items():
        key = world.add_fault(lambda job_id, trouble=trouble: FaultRule(key=job_id, jobs=trouble))  # type: ignore[misc]
        job_id = world.submit(key=key, job_title=title, batch_len=DEMO_BATCH_LEN)
        if trouble is BROKEN:
            world.ended(job_id)
        elif trouble is HALF_WAY:
            world.until(job_id, lambda job: job["splits_done"] == 2)
        else:
            world.until(job_id, lambda job: bool(job.get("reason")))
    return shown


def take(browser: Browser, world: StackFixture, job_id: str) -> None:
    """Light and dark, wide and narrow."""
    look = {"ui-light": ("light", WIDE), "ui-dark": ("dark", WIDE), "ui-phone": ("light", PHONE)}
    places = {"list": ("#/", ".jobs li"), "job": (f"#/jobs/{job_id}", "table.hits tbody tr")}
    places["hits"] = places["job"]
    places["form"] = ("#/new", "form.submit")
    for name, (scheme, size) in look.items():
        options = {"base_url": world.stack.url, "viewport": size, "color_scheme": scheme}
        for place, (where, awaited) in places.items():
            with a_page(browser, **options) as (page, _):
                page.goto(f"/api/ui{where}")
                expect(page.locator(awaited).first).to_be_visible(timeout=PATIENCE)
                if place == "hits":
                    page.locator("#hits-title").evaluate("it => it.scrollIntoView()")
                page.screenshot(path=IMAGES / f"{name}-{place}.png", full_page=False)


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    settings = FAST_POLLING | {"BLAST_POD_DIAGNOSIS_AFTER": "1s"}
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        stack = Stack(Path(folder), settings=settings)
        stack.start()
        try:
            upload_database(DEMO_FASTA, DEMO_DATABASE, stack.environment)
            world = StackFixture(stack)
            take(browser, world, scene(world))
        finally:
            stack.stop()
    for image in sorted(IMAGES.glob("ui-*.png")):
        sys.stdout.write(f"{image.name}: {image.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
