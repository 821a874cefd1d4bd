"""Each bin of each picture leads to exactly the hits or queries that it counts: the links are the
page's own, run by Node."""

import json
import random
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from shared.hits.aggregate import EVALUE_EDGES, PERCENT_EDGES
from tests.triggers.conftest import Store, body
from triggers.http.hits import handlers
from triggers.http.pages.ui import FOLDER
from triggers.http.responses import Handler

Links = dict[str, dict[str, str]]
"""The parameters of a link by the label of its bin."""
OUTFMT = "6 qseqid sseqid pident evalue qcovs"
RUN = """
import * as filters from "./hit-filters.js";
const found = JSON.parse(process.argv[2]);
const links = found.map(([name, label]) => filters[name](label));
console.log(JSON.stringify(links));
"""


@pytest.fixture(scope="module")
def page_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's modules, where Node takes them for modules."""
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "run.js").write_text(RUN)
    return folder


def links_of(folder: Path, function: str, labels: list[str]) -> Links:
    """The parameters of the API in the page's links of bins."""
    wanted = json.dumps([[function, label] for label in labels])
    done = subprocess.run(
        ["node", "run.js", wanted], cwd=folder, capture_output=True, check=True, timeout=60
    )
    found = json.loads(done.stdout)
    limited = ("identity", "evalue", "query_cover")
    names = [f"{limit}_{name}" for name in limited for limit in ("min", "max")]
    return {
        label: {name: link[name] for name in names if link.get(name)}
        for label, link in zip(labels, found, strict=True)
    }


def around(edges: Iterable[float], chance: random.Random) -> list[str]:
    """Values as BLAST+ writes them, of six digits: edges, their neighbours, and any others."""
    found = []
    for edge in edges:
        digits, _, exponent = f"{edge:.5e}".partition("e")
        upper = round(float(digits) * 10**5)
        below = (
            f"{upper - 1}e{int(exponent) - 5}" if upper > 10**5 else f"999999e{int(exponent) - 6}"
        )
        above = f"{upper + 1}e{int(exponent) - 5}"
        others = [f"{edge * chance.uniform(0.3, 3):.6g}" for _ in range(5)]
        found += [below, f"{edge:g}", above, *others] if edge else ["0", "0.0"]
    return found


@pytest.mark.acceptance
@pytest.mark.parametrize("seed", range(3))
async def test_a_bin_counts_what_its_link_leads_to(
    store: Store, page_folder: Path, seed: int
) -> None:
    chance = random.Random(seed)
    identities = [each for each in around(map(float, PERCENT_EDGES), chance) if float(each) <= 100]
    evalues = [*around((edge or 0.0 for edge in EVALUE_EDGES[:-1]), chance), "10", "1e+05"]
    # BLAST+ writes whole percents, and more than 100 where a subject covers letters twice.
    covers = [*map(str, range(101)), "104", "250"]
    rows = []
    for number in range(max(map(len, (identities, covers, evalues)))):
        values = (
            column[number] if number < len(column) else chance.choice([*column, "N/A"])
            for column in (identities, evalues, covers)
        )
        rows.append("\t".join([f"q{number}", "s", *values]) + "\n")
    text = "".join(rows).encode()
    one = await store.completed({"batch_000-blastn-db.out.gz": text}, OUTFMT)

    async def ask(handler: Handler, link: dict[str, Any]) -> dict[str, Any]:
        return body(await store.ask(handler, one, **link))

    stats = (await ask(handlers.aggregate_hits, {}))["stats"]
    covered = (await ask(handlers.read_coverage, {}))["coverage_distribution"]
    assert all(covered.values())
    for function, counts, handler, total in (
        ("ofIdentity", stats["identity_distribution"], handlers.list_alignments, "filtered_hits"),
        ("ofEvalue", stats["evalue_distribution"], handlers.list_alignments, "filtered_hits"),
        ("ofCoverage", covered, handlers.list_queries, "matching"),
    ):
        assert sum(counts.values()) > 0
        links = links_of(page_folder, function, [*counts])
        led_to = {label: (await ask(handler, links[label]))[total] for label in counts}
        assert led_to == counts
