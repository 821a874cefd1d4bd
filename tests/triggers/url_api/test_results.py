"""CMD=Get, Delete, Info and Web over real storage, with results that BLAST+ wrote."""

import csv
import io
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from Bio import SearchIO

from shared.contracts.job import Job, PendingFailure
from shared.contracts.states import Phase
from shared.errors import TooLarge
from shared.url_api.rid import rid_of
from tests.shared.hits.blast import Blast
from tests.support.samples import BOB, NOON, job
from tests.triggers.conftest import Store
from tests.triggers.url_api.conftest import UrlApi, rid, text
from triggers.auth.callers import LOCAL
from triggers.url_api.results import collect

NAMES = ("batch_000-blastn-dna.out.gz", "batch_001-blastn-dna.out.gz")


@pytest.fixture(scope="session")
def blast(tmp_path_factory: pytest.TempPathFactory) -> Blast:
    made = Blast(tmp_path_factory.mktemp("blast"))
    made.prepare()
    return made


def batches(blast: Blast, outfmt: str) -> dict[str, bytes]:
    """The results of two batches of queries, and of no hits."""
    records = (blast.folder / "odd_dna.fa").read_text().removeprefix(">").split("\n>")
    parts = {"first": records[:4], "second": records[4:]}
    for name, part in parts.items():
        path: Path = blast.folder / f"{name}.fa"
        path.write_text("".join(f">{record.strip()}\n" for record in part))
    files = (blast.search("blastn", name, outfmt) for name in parts)
    return dict(zip(NAMES, files, strict=True))


@pytest.fixture
async def done(store: Store, blast: Blast) -> Job:
    return await store.completed(batches(blast, "5"), "5")


async def test_xml_is_that_of_one_batch(done: Job, blast: Blast, url_api_client: UrlApi) -> None:
    answer = await url_api_client.get(rid_of(done.job_id), FORMAT_TYPE="XML")
    assert answer.mimetype == "text/xml"
    assert text(answer) == blast.search("blastn", "odd_dna", "5").decode()


async def test_xml_is_the_default_and_cut_by_what_is_asked(
    done: Job, url_api_client: UrlApi
) -> None:
    answer = await url_api_client.get(rid_of(done.job_id), ALIGNMENTS="2", DESCRIPTIONS="3")
    found = SearchIO.parse(io.StringIO(text(answer)), "blast-xml")
    sizes = [len(each) for each in found]
    assert max(sizes) == 2


async def test_tabular_and_csv_have_the_rows_of_blast(
    done: Job, blast: Blast, url_api_client: UrlApi
) -> None:
    rows = [row.split("\t") for row in blast.search("blastn", "odd_dna", "6").decode().splitlines()]
    table = text(await url_api_client.get(rid_of(done.job_id), FORMAT_TYPE="Tabular"))
    assert table.startswith("<p><!--\nQBlastInfoBegin")
    lines = table.partition("<PRE>\n")[2].removesuffix("</PRE>\n").splitlines()
    assert [line.split("\t") for line in lines] == rows
    commas = await url_api_client.get(rid_of(done.job_id), FORMAT_TYPE="CSV")
    assert commas.mimetype == "text/csv"
    found = list(csv.reader(io.StringIO(text(commas))))
    assert [row[2:] for row in found] == [row[2:] for row in rows]


async def test_tables_are_cut_by_subjects_not_by_hits(done: Job, url_api_client: UrlApi) -> None:
    parameters = {"FORMAT_TYPE": "CSV", "DESCRIPTIONS": "1"}
    answer = await url_api_client.get(rid_of(done.job_id), **parameters)
    found = list(csv.reader(io.StringIO(text(answer))))
    queries = {row[0] for row in found}
    assert len({(row[0], row[1]) for row in found}) == len(queries) > 2


async def test_the_limits_of_put_apply_unless_get_has_others(
    store: Store, blast: Blast, url_api_client: UrlApi
) -> None:
    stored = await store.unindexed(batches(blast, "5"), "5")
    request = rid_of(stored.job_id)
    with_report = replace(stored.search, report="ALIGNMENTS=1&FORMAT_TYPE=XML")
    other = await store.completed(batches(blast, "5"), "5")
    assert text(await url_api_client.get(request)).count("<Hit>") > 9
    limited = await _with(store, other, search=replace(other.search, report=with_report.report))
    counts = [
        text(await url_api_client.get(limited, **asked)).count("<Hit>")
        for asked in ({}, {"ALIGNMENTS": "2"})
    ]
    assert counts[1] > counts[0] > 2


async def test_a_format_of_its_own_replaces_that_of_put(
    store: Store, blast: Blast, url_api_client: UrlApi
) -> None:
    """ALIGNMENT_VIEW of the Put fits only its own FORMAT_TYPE."""
    done = await store.completed(batches(blast, "5"), "5")
    report = "FORMAT_TYPE=Tabular&ALIGNMENT_VIEW=Tabular"
    kept = await _with(store, done, search=replace(done.search, report=report))
    assert text(await url_api_client.get(kept)).startswith("<p><!--\nQBlastInfoBegin")
    assert text(await url_api_client.get(kept, FORMAT_TYPE="XML")).startswith("<?xml ")
    assert "<PRE>" in text(await url_api_client.get(kept, ALIGNMENT_VIEW="Pairwise"))


@pytest.mark.parametrize(
    ("report", "name"),
    [("ALIGNMENTS=many", "ALIGNMENTS"), ("FORMAT_TYPE=Text", "FORMAT_TYPE"), ("OLD=1", "OLD")],
    ids=str,
)
async def test_a_parameter_of_put_that_cannot_be_honoured_is_named(
    store: Store, done: Job, url_api_client: UrlApi, report: str, name: str
) -> None:
    """Another version of the app may have accepted it."""
    kept = await _with(store, done, search=replace(done.search, report=report))
    answer = await url_api_client.get(kept)
    assert (answer.status_code, f"{name}: " in text(answer)) == (422, True)


async def _with(store: Store, stored: Job, **changes: object) -> str:
    """The RID of another job with the same results and these changes."""
    copy = replace(stored, job_id=f"job-{uuid.uuid4().hex}", **changes)  # type: ignore[arg-type]
    await store.clients.jobs.create(copy, {})
    return rid_of(copy.job_id)


@pytest.mark.parametrize(("outfmt", "code"), [("6", "format_not_readable")])
async def test_xml_of_a_table_is_refused_by_name(
    store: Store, blast: Blast, url_api_client: UrlApi, outfmt: str, code: str
) -> None:
    stored = await store.completed(batches(blast, outfmt), outfmt)
    answer = await url_api_client.get(rid_of(stored.job_id), FORMAT_TYPE="XML")
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (409, code)
    assert "outfmt 6" in text(answer)
    table = await url_api_client.get(rid_of(stored.job_id), FORMAT_TYPE="Tabular")
    assert table.status_code == 200


async def test_a_damaged_file_is_an_error_and_no_shorter_document(
    store: Store, blast: Blast, url_api_client: UrlApi
) -> None:
    files = batches(blast, "5")
    files[NAMES[1]] = files[NAMES[1]][:-30]
    stored = await store.completed(files, "5")
    for form in ("XML", "Tabular", "CSV"):
        answer = await url_api_client.get(rid_of(stored.job_id), FORMAT_TYPE=form)
        assert (answer.status_code, answer.headers["x-ms-error-code"]) == (409, "file_damaged")


def test_results_over_the_limit_are_refused() -> None:
    assert collect([b"12", b"34"], 4) == b"1234"
    with pytest.raises(TooLarge, match="more than 3 bytes"):
        collect(iter([b"12", b"34"]), 3)


FAILURE = PendingFailure(Phase.SEARCH_FAILED, "blast_failed", "BLAST error: no", NOON)
ENDS: dict[str, tuple[dict[str, object], str]] = {
    "failed": ({"phase": Phase.SEARCH_FAILED, "error": "BLAST error: no"}, "BLAST error: no"),
    "failing": ({"phase": Phase.CANCELLING, "pending_failure": FAILURE}, "BLAST error: no"),
    "cancelled": ({"phase": Phase.CANCELLED}, "cancelled"),
    "cancelling": ({"phase": Phase.RUNNING, "cancel_requested_at": NOON}, "cancelled"),
    "timed-out": ({"phase": Phase.TIMED_OUT, "error": "the deadline"}, "the deadline"),
}


async def stored_job(store: Store, **changes: object) -> str:
    owned = {"owner": LOCAL, "deadline_at": NOON + timedelta(days=9999)} | changes
    made = await store.clients.jobs.create(job(uuid.uuid4().int, **owned), {})
    return rid_of(made.job_id)


@pytest.mark.parametrize("name", ENDS)
async def test_a_search_without_results_is_an_error_with_its_reason(
    store: Store, url_api_client: UrlApi, name: str
) -> None:
    changes, words = ENDS[name]
    request = await stored_job(store, **changes)
    answer = await url_api_client.get(request, FORMAT_TYPE="XML")
    assert answer.status_code == 404 and words in text(answer)
    assert "Status=" not in text(answer)
    info = await url_api_client.get(request, FORMAT_OBJECT="SearchInfo")
    assert info.status_code == 200 and "Status=FAILED\n" in text(info)


UNKNOWN: dict[str, Callable[[Store], object]] = {
    "unknown": lambda store: "A" * 32,
    "no-rid": lambda store: "<b>",
    "foreign": lambda store: stored_job(store, owner=BOB),
    "deleted": lambda store: stored_job(store, phase=Phase.DELETED),
}


@pytest.mark.parametrize("name", UNKNOWN)
async def test_a_request_without_a_job_is_not_found(
    store: Store, url_api_client: UrlApi, name: str
) -> None:
    made = UNKNOWN[name](store)
    request = made if isinstance(made, str) else await made  # type: ignore[misc]
    answer = await url_api_client.get(request, FORMAT_TYPE="XML")
    assert answer.status_code == 404 and "Status=" not in text(answer)
    assert "<b>" not in text(answer)
    info = await url_api_client.get(request, FORMAT_OBJECT="SearchInfo")
    assert info.status_code == 200 and "Status=UNKNOWN\n" in text(info)
    deleted = await url_api_client.send(CMD="Delete", RID=request)
    assert deleted.status_code == 404


async def test_search_info_says_whether_there_are_hits(
    store: Store, done: Job, blast: Blast, url_api_client: UrlApi
) -> None:
    nothing = await store.completed({NAMES[0]: blast.search("blastn", "nothing", "5")}, "5")
    for stored, word in ((done, "yes"), (nothing, "no")):
        answer = await url_api_client.get(rid_of(stored.job_id), FORMAT_OBJECT="SearchInfo")
        assert f"Status=READY\n\tThereAreHits={word}\n" in text(answer)


async def test_results_that_are_being_indexed_are_waited_for(
    store: Store, blast: Blast, url_api_client: UrlApi
) -> None:
    stored = await store.unindexed(batches(blast, "5"), "5")
    request = rid_of(stored.job_id)
    answer = await url_api_client.get(request, FORMAT_TYPE="Tabular")
    assert "Status=WAITING\n" in text(answer)
    await store.finish_indexing()
    assert "<PRE>" in text(await url_api_client.get(request, FORMAT_TYPE="Tabular"))


async def test_delete_cancels_and_then_deletes(store: Store, url_api_client: UrlApi) -> None:
    request = rid(await url_api_client.put())
    first = await url_api_client.send(CMD="Delete", RID=request)
    assert "is being cancelled" in text(first)
    job_id = f"job-{request.lower()}"
    assert (await store.clients.jobs.get(job_id)).delete_requested_at
    await store.clients.jobs.update(job_id, "x", phase=Phase.CANCELLING)
    await store.clients.jobs.update(job_id, "x", phase=Phase.CANCELLED)
    assert "is deleted" in text(await url_api_client.send(CMD="Delete", RID=request))
    assert (await store.clients.jobs.get(job_id)).phase is Phase.DELETED


async def test_info_lists_the_databases(store: Store, url_api_client: UrlApi) -> None:
    root = store.clients.settings.account.url("blast-db", "")
    for part in ("nhr", "nin", "nsq"):
        await store.clients.blobs.put(f"{root}nucs/nucs.{part}", b"1234")
    answer = text(await url_api_client.send(CMD="Info"))
    assert "name\ttype\ttitle\n" in answer
    assert "\tnucl\t" in answer


@pytest.mark.parametrize("parameters", [{}, {"CMD": "Web"}], ids=["none", "web"])
async def test_web_is_the_page(url_api_client: UrlApi, parameters: dict[str, str]) -> None:
    answer = await url_api_client.send("GET", **parameters)
    assert answer.status_code == 200 and "<html" in text(answer)


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"CMD": "Display"}, "CMD"),
        ({"RID": "X"}, "CMD"),
        ({"CMD": "Get"}, "RID"),
        ({"CMD": "Delete"}, "RID"),
        ({"CMD": "Info", "DATABASE": "x"}, "DATABASE"),
        ({"CMD": "Web", "PAGE": "x"}, "PAGE"),
        ({"CMD": "Get", "RID": "A" * 32, "FORMAT_TYPE": "JSON2"}, "FORMAT_TYPE"),
    ],
    ids=str,
)
async def test_a_wrong_request_is_named(
    url_api_client: UrlApi, parameters: dict[str, str], name: str
) -> None:
    answer = await url_api_client.send(**parameters)
    assert answer.status_code == 422 and f"{name}: " in text(answer)


@pytest.mark.parametrize("form", ["Tabular", "CSV", "XML"])
async def test_names_cannot_run_in_the_pages_of_results(
    store: Store, done: Job, url_api_client: UrlApi, form: str
) -> None:
    """Queries and subjects are named by others than the one who reads the page."""
    row = (
        "<script>alert(1)</script>&1\t</PRE><img/onerror=alert(1)>\t99\t4\t0\t0\t1\t4\t1\t4\t1\t8\n"
    )
    stored = done if form == "XML" else await store.completed({NAMES[0]: row.encode()})
    answer = await url_api_client.get(rid_of(stored.job_id), FORMAT_TYPE=form)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    if form == "Tabular":
        table = text(answer).partition("<PRE>")[2]
        assert "&lt;script>alert(1)&lt;/script>&1\t&lt;/PRE>" in table
        assert table.count("<") == 1
