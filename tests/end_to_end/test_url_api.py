"""Clients of NCBI's URL API, as they are, against the running app: Biopython, BioPerl and R.

Their waits are shortened by `time.sleep` alone, which returns once the search has ended.
"""

import io
import re
import runpy
import subprocess
import sys
import time
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pytest
import urllib3
from azure.data.tables import TableClient
from Bio import Blast, SearchIO
from Bio.Blast import NCBIWWW

from local.demo.client import RequestRejected
from local.demo.queries import DEMO_DATABASE, DEMO_FASTA
from local.stack import Stack
from shared.dependencies import JOBS_TABLE
from shared.jobs.rows import JOB
from shared.url_api.rid import rid_of
from tests.end_to_end.conftest import FAST_POLLING, StackFixture, started
from tests.support.by_hand import by_hand
from tests.triggers.auth.directory import BOB

pytestmark = pytest.mark.acceptance
EXAMPLES = Path(__file__).parents[2] / "docs/examples"
BATCH_LEN = 1500
RECORDS = DEMO_FASTA.read_text().removeprefix(">").split("\n>")[:8]
QUERIES = "".join(f">{record.strip()}\n" for record in RECORDS)
PERL = """
use strict; use warnings; use Bio::Tools::Run::RemoteBlast; use Bio::SeqIO;
my ($url, $database, $query, $output) = @ARGV;
my $factory = Bio::Tools::Run::RemoteBlast->new(
    -prog => 'blastn', -data => $database, -expect => '1e-5', -readmethod => 'xml');
$factory->set_url_base($url);
$factory->submit_parameter('HITLIST_SIZE', '20');
$factory->retrieve_parameter('FORMAT_TYPE', 'XML');
$factory->submit_blast(Bio::SeqIO->new(-file => $query, -format => 'fasta')->next_seq);
my ($rid) = $factory->each_rid or die "no RID\\n";
# 0: not finished. Debian has no parser of XML for BioPerl, so that the report is only kept.
while (defined(my $report = $factory->retrieve_blast($rid))) {
    last if ref $report;
    die "gave up\\n" if $report < 0;
    sleep 1;
}
$factory->save_output($output);
"""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackFixture]:
    """The whole product, with batches of two queries."""
    settings = FAST_POLLING | {"BLAST_BATCH_LEN": str(BATCH_LEN)}
    with started(Stack(tmp_path_factory.mktemp("stack"), settings=settings)) as system:
        yield system


@pytest.fixture
def naps(system: StackFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The waits of Biopython. Each returns when the newest search has ended."""
    slept: list[float] = []
    real = time.sleep  # noqa: TID251  Biopython's own

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        newest = system.api.jobs(limit=1)["jobs"][0]["job_id"]
        with monkeypatch.context() as inner:
            inner.setattr(time, "sleep", real)
            system.ended(newest)

    monkeypatch.setattr(time, "sleep", sleep)
    for function in (NCBIWWW.qblast, Blast.qblast):
        monkeypatch.setattr(function, "previous", 0.0)
    yield slept


def url(system: StackFixture) -> str:
    return f"{system.stack.url}/api/Blast.cgi"


def hits(xml: str) -> list[tuple[Any, ...]]:
    """All HSPs with their coordinates and scores, in order."""
    return [
        (result.id, result.description, hit.id, hsp.evalue, hsp.bitscore, hsp.hit_range)
        for result in SearchIO.parse(io.StringIO(xml), "blast-xml")
        for hit in result
        for hsp in hit
    ]


@pytest.mark.parametrize("is_new", [False, True], ids=["NCBIWWW", "Bio.Blast"])
def test_biopython_finds_the_hits_of_one_blast(
    system: StackFixture, naps: list[float], tmp_path: Path, is_new: bool
) -> None:
    qblast: Callable[..., Any] = Blast.qblast if is_new else NCBIWWW.qblast
    expect = 1e-5 if is_new else 1e-6
    stream = qblast("blastn", DEMO_DATABASE, QUERIES, url_base=url(system), expect=expect)
    text, polls = stream.read(), len(naps) + 1
    xml = text.decode() if isinstance(text, bytes) else text
    expected = by_hand(tmp_path, QUERIES, "-evalue", str(expect), "-max_target_seqs", "50")
    assert hits(xml) == hits(expected) != []
    newest = system.api.jobs(limit=1)["jobs"][0]["job_id"]
    assert len(list(system.api.files(newest))) >= 4
    assert system.api.job(newest)["submission_source"] == "url_api"
    assert polls <= 2


def test_the_example_of_the_docs_prints_the_hits(
    system: StackFixture,
    naps: list[float],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "query.fa").write_text(QUERIES)
    argv = ["biopython_search.py", system.stack.url, DEMO_DATABASE, str(tmp_path / "query.fa")]
    monkeypatch.setattr(sys, "argv", argv)
    runpy.run_path(str(EXAMPLES / argv[0]))
    printed = [tuple(line.split("\t")) for line in capsys.readouterr().out.splitlines()]
    expected = hits(by_hand(tmp_path, QUERIES, "-evalue", "1e-9", "-max_target_seqs", "50"))
    firsts: dict[tuple[str, str], str] = {}
    for query, _, subject, evalue, *_ in expected:
        firsts.setdefault((query, subject), str(evalue))
    assert printed == [(*pair, evalue) for pair, evalue in firsts.items()] != []


def test_a_refusal_reaches_biopythons_user_in_words(system: StackFixture) -> None:
    with pytest.raises(ValueError, match="ENTREZ_QUERY: is not supported here"):
        NCBIWWW.qblast(
            "blastn", DEMO_DATABASE, "ACGT" * 9, url_base=url(system), entrez_query="x[orgn]"
        )
    with pytest.raises(ValueError, match="QUERY: is an accession"):
        Blast.qblast("blastn", DEMO_DATABASE, "NM_000546", url_base=url(system))
    with pytest.raises(ValueError, match="blastp cannot search a database of nucleotides"):
        NCBIWWW.qblast("blastp", DEMO_DATABASE, "MKVLAAGIVG" * 3, url_base=url(system))


@pytest.mark.parametrize("is_new", [False, True], ids=["NCBIWWW", "Bio.Blast"])
@pytest.mark.parametrize("end", ["failed", "cancelled", "deleted"])
def test_a_search_without_results_ends_biopython(
    system: StackFixture, naps: list[float], monkeypatch: pytest.MonkeyPatch, is_new: bool, end: str
) -> None:
    """Its first look waits, and what ends the search happens in its first wait."""

    def finish(seconds: float) -> None:
        naps.append(seconds)
        job_id = system.api.jobs(limit=1)["jobs"][0]["job_id"]
        monkeypatch.undo()
        if end == "cancelled":
            system.api.cancel(job_id)
            assert system.ended(job_id)["status"] == "cancelled"
        else:
            asked = {"CMD": "Delete", "RID": rid_of(job_id)}
            assert urllib3.request("GET", url(system), fields=asked).status == 200
            with pytest.raises(RequestRejected, match="404"):  # once it has stopped
                system.until(job_id, lambda job: False)

    query = f">{end}{is_new}\n" + RECORDS[0].split("\n", 1)[1]
    qblast: Callable[..., Any] = Blast.qblast if is_new else NCBIWWW.qblast
    if end != "failed":
        monkeypatch.setattr(time, "sleep", finish)
    database = "no_such_database" if end == "failed" else DEMO_DATABASE
    with pytest.raises(urllib.error.HTTPError) as caught:
        qblast("blastn", database, query, url_base=url(system))
    assert caught.value.code == 404
    assert len(naps) <= 2
    assert b"Status=" not in caught.value.read()


@pytest.mark.parametrize("module", [NCBIWWW, Blast], ids=["NCBIWWW", "Bio.Blast"])
@pytest.mark.parametrize("kind", ["unknown", "foreign"])
def test_a_request_that_is_not_the_callers_ends_biopython(
    system: StackFixture,
    naps: list[float],
    monkeypatch: pytest.MonkeyPatch,
    module: ModuleType,
    kind: str,
) -> None:
    """Biopython asks for no RID but that of its Put, so another one takes its place on the page."""
    read = module._parse_qblast_ref_page

    def replaced(page: Any) -> tuple[str, int]:
        rid, seconds = read(page)
        if kind == "unknown":
            return "A" * 32, seconds
        give_away(system, f"job-{rid.lower()}")
        return rid, seconds

    monkeypatch.setattr(module, "_parse_qblast_ref_page", replaced)
    query = f">{kind}{module.__name__}\n" + RECORDS[0].split("\n", 1)[1]
    with pytest.raises(urllib.error.HTTPError) as caught:
        module.qblast("blastn", DEMO_DATABASE, query, url_base=url(system))
    assert caught.value.code == 404
    assert len(naps) <= 1  # two polls
    assert b"Status=" not in caught.value.read()


def give_away(system: StackFixture, job_id: str) -> None:
    """Let a job belong to somebody else, once it has ended."""
    system.ended(job_id)
    connection = system.stack.azurite.connection_string
    with TableClient.from_connection_string(connection, JOBS_TABLE) as table:
        table.update_entity({"PartitionKey": job_id, "RowKey": JOB, "owner_oid": BOB})


def test_bioperl_finds_the_hits(system: StackFixture, tmp_path: Path) -> None:
    (tmp_path / "p.fa").write_text(f">{RECORDS[0]}\n")
    paths = (str(tmp_path / "p.fa"), str(tmp_path / "report.xml"))
    argv = ("perl", "-e", PERL, url(system), DEMO_DATABASE, *paths)
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=110)
    assert ended.returncode == 0, ended.stderr
    found = hits((tmp_path / "report.xml").read_text())
    options = (
        "-evalue",
        "1e-5",
        "-max_target_seqs",
        "20",
        "-dust",
        "yes",
        "-soft_masking",
        "false",
    )
    expected = by_hand(tmp_path, f">{RECORDS[0]}\n", *options)
    assert found == hits(expected) != []


@pytest.mark.parametrize("looks_at", ["state", "result"])
def test_the_requests_of_r_are_served(system: StackFixture, tmp_path: Path, looks_at: str) -> None:
    """As blastSequences of Bioconductor's annotate sends them: all by GET, the query in the URL.

    The present version looks at the state until that is READY, earlier ones at the result until it
    is well-formed XML (R/blastSequences.R).
    """
    pool = urllib3.PoolManager()
    query = RECORDS[1].split("\n", 1)[1].replace("\n", "")
    title = f"&JOB_TITLE={looks_at}"  # not R's: another search than the other one here
    asked = f"QUERY={query}&DATABASE={DEMO_DATABASE}&HITLIST_SIZE=10&FILTER=L&EXPECT=10"
    put = f"{url(system)}?{asked}&PROGRAM=blastn&CMD=Put{title}"
    page = pool.request("GET", put).data.decode()
    comment = re.search(r"<!--(.*QBlastInfoBegin.*?)-->", page, re.DOTALL) or [page, page]
    rid = re.sub(r"(?s).*RID = ([A-Za-z0-9]+).*", r"\1", comment[1])
    assert int(re.sub(r"(?s).*RTOE = ([0-9]+).*", r"\1", comment[1])) >= 1
    state, result = "CMD=Get&FORMAT_OBJECT=SearchInfo&RID={}", "RID={}&FORMAT_TYPE=XML&CMD=Get"
    look = f"{url(system)}?{(state if looks_at == 'state' else result).format(rid)}"
    early = pool.request("GET", look).data.decode()
    if looks_at == "state":
        assert re.findall(r"Status=(\w+)", early)[0] in ("WAITING", "READY")
    elif "Status=WAITING" in early:
        with pytest.raises(ElementTree.ParseError):
            ElementTree.fromstring(early)
    system.ended(f"job-{rid.lower()}")
    assert looks_at == "result" or b"Status=READY" in pool.request("GET", look).data
    xml = pool.request("GET", f"{url(system)}?{result.format(rid)}").data.decode()
    ElementTree.fromstring(xml)
    options = ("-max_target_seqs", "10", "-dust", "yes", "-soft_masking", "false")
    expected = by_hand(tmp_path, f">Query_1\n{query}\n", *options)
    assert [hit[2:] for hit in hits(xml)] == [hit[2:] for hit in hits(expected)] != []
    get = {"RID": rid, "FORMAT_TYPE": "Tabular", "CMD": "Get"}
    table = pool.request("GET", url(system), fields=get).data.decode()
    rows = table.partition("<PRE>\n")[2].removesuffix("</PRE>\n")
    assert rows == by_hand(tmp_path, f">Query_1\n{query}\n", *options, outfmt="6")
