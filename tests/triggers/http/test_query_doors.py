"""A query is read in the same way by every door: in the body, uploaded, and named as a blob."""

import gzip
import json
import uuid
from typing import Any

import pytest
import urllib3

from tests.triggers.http.conftest import RunningApp

SEQUENCE = "CGTAACAAGGTTTCCGTAGGTGAACCTGCGGAAGGATCATTG"
QUERY = f">a\n{SEQUENCE}\n"
REFUSED = {
    "indented header": (f"{QUERY} >b\n{SEQUENCE}\n", "line 3 has white space before '>'"),
    "gaps first": (f">a\n{'-' * 60}\n{SEQUENCE}\n", "line 2 is the first of its sequence"),
    "no header": (SEQUENCE, "must begin with a line that starts with '>'"),
    "empty sequence": (f"{QUERY}>b\n", "the sequence at line 3 is empty"),
    "letters of proteins": (">p\nMKWVTFISLLFLFSSAYSRG\n", "line 2 has 'F'"),
    "no-break space": (f"{QUERY}ACGT\xa0ACGT\n", "line 3 has U+00A0 (NO-BREAK SPACE)"),
    "accession": ("NM_000014.6", "no sequence is fetched for an accession"),
}
ACCEPTED = {
    "spaces": (f">a\n{SEQUENCE[:10]} {SEQUENCE[10:]}\n", QUERY),
    "comments": (f";c\n>a\n;d\n{SEQUENCE}\n", QUERY),
    "vertical tab": (f">a one\x0btwo\n{SEQUENCE}\n", f">a one\x0btwo\n{SEQUENCE}\n"),
    "line separator": (f">a\u2028b c\n{SEQUENCE}\n", f">a\u2028b c\n{SEQUENCE}\n"),
    "carriage returns": (f">a\r{SEQUENCE}\r", QUERY),
    "byte-order mark": (f"\ufeff{QUERY}", QUERY),
    "position numbers": (f">a\n1 {SEQUENCE} 42\n", QUERY),
    "gaps": (f">a\n{SEQUENCE}\n-----\n", QUERY),
    "no names": (
        f">\n{SEQUENCE}\n>\n{SEQUENCE}\n",
        f">Query_1\n{SEQUENCE}\n>Query_2\n{SEQUENCE}\n",
    ),
    "degree sign": (f">a 37°C\n{SEQUENCE}\n", f">a 37°C\n{SEQUENCE}\n"),
}


def sent(app: RunningApp, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    answer = app.ask("POST", path, json.dumps(body).encode())
    return answer.status, json.loads(answer.data)


def upload(app: RunningApp, *files: tuple[str, bytes]) -> tuple[int, Any]:
    """Upload files in fields of the name `query_file`."""
    body, kind = urllib3.encode_multipart_formdata([("query_file", file) for file in files])
    answer = app.ask("POST", "blast/upload-query", body, content_type=kind)
    return answer.status, json.loads(answer.data)


async def put(app: RunningApp, data: bytes, name: str = "q.fa") -> str:
    """Put a blob, as an operator does."""
    url = app.account.url("queries", f"{uuid.uuid4().hex}/{name}")
    await app.blobs.put(url, data)
    return url


def search(**query: str) -> dict[str, Any]:
    return {"program": "blastn", "db": "nucs", "outfmt": 7, **query}


def faults(result: Any) -> list[str]:
    return [fault["msg"] for fault in result["detail"]["errors"]]


async def searched(app: RunningApp, result: Any) -> str:
    job = await app.jobs.get(result["job_id"])
    data = await app.blobs.get(job.search.query_url)
    assert data is not None
    return data.decode()


@pytest.mark.parametrize(("text", "fault"), REFUSED.values(), ids=REFUSED)
async def test_failure_56_every_door_refuses_it_with_the_same_words(
    running_app: RunningApp, text: str, fault: str
) -> None:
    inline = sent(running_app, "blast/jobs", search(query_data=text))
    blob = sent(
        running_app, "blast/jobs", search(query_blob_url=await put(running_app, text.encode()))
    )
    status, checked = sent(running_app, "blast/pre-flight", search(query_data=text))
    for status, result in (inline, blob):
        assert (status, result["detail"]["code"]) == (422, "invalid_query_fasta")
        assert faults(result)[0].startswith(fault) or fault in faults(result)[0]
    assert faults(inline[1]) == faults(blob[1])
    assert faults(inline[1])[0] in next(
        check["detail"] for check in checked["checks"] if check["id"] == "fasta_format"
    )


@pytest.mark.parametrize(("text", "canonical"), ACCEPTED.values(), ids=ACCEPTED)
async def test_failure_56_every_door_searches_the_same_text(
    running_app: RunningApp, text: str, canonical: str
) -> None:
    url = await put(running_app, text.encode())
    _, uploaded = upload(running_app, ("my query.tar.gz", gzip.compress(text.encode())))
    for query in (
        {"query_data": text},
        {"query_blob_url": url},
        {"query_blob_url": await put(running_app, gzip.compress(text.encode()), "q.fa.gz")},
        {"query_blob_url": uploaded["blob_url"]},
    ):
        status, result = sent(running_app, "blast/jobs", search(**query))
        assert status == 202, result
        assert await searched(running_app, result) == canonical


async def test_an_uploaded_protein_is_refused_for_blastn_as_inline(running_app: RunningApp) -> None:
    text = ">p\nMKWVTFISLLFLFSSAYSRGVFRRDAHKSEVAHRFKDLGEENFKALVLIAFAQYLQQ\n"
    _, uploaded = upload(running_app, ("q.fa", text.encode()))
    body = search(query_blob_url=uploaded["blob_path"])
    status, result = sent(running_app, "blast/jobs", body)
    assert (status, result["detail"]["code"]) == (422, "invalid_query_fasta")
    assert faults(result) == faults(sent(running_app, "blast/jobs", search(query_data=text))[1])
    batch = {"searches": [search(query_data=QUERY), body]}
    status, result = sent(running_app, "blast/jobs", batch)
    assert (status, result["detail"]["errors"][0]["loc"][1]) == (422, "1")
    assert sent(running_app, "blast/jobs", body | {"program": "blastp", "db": "prots"})[0] == 202


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (QUERY.replace("a", "37 °C").encode("latin-1"), "has the byte 0xB0 in line 1"),
        (QUERY.encode("utf-16"), "is text in UTF-16"),
        (b"BZh91AY&SY", "is a bzip2 file"),
    ],
)
async def test_a_file_that_is_no_text_is_refused_by_name(
    running_app: RunningApp, data: bytes, fault: str
) -> None:
    for status, result in (
        upload(running_app, ("q.fa", data)),
        sent(running_app, "blast/jobs", search(query_blob_url=await put(running_app, data))),
    ):
        assert (status, result["detail"]["code"]) == (422, "invalid_query_fasta")
        assert faults(result)[0].startswith(fault)


async def test_two_files_in_one_form_are_refused(running_app: RunningApp) -> None:
    status, result = upload(running_app, ("one.fa", QUERY.encode()), ("two.fa", QUERY.encode()))
    assert (status, faults(result)) == (422, ["the form has 2 files: send one"])


@pytest.mark.parametrize("name", ["q.fa.gz", "q.tar", "q.query-list", "../q", "-rf", "q.fa"])
async def test_a_query_is_stored_under_a_name_of_our_own(
    running_app: RunningApp, name: str
) -> None:
    _, uploaded = upload(running_app, (name, QUERY.encode()))
    assert uploaded["blob_path"].endswith("/query.fa")
    if "/" not in name and not name.startswith("-"):
        url = await put(running_app, QUERY.encode(), name)
        _, result = sent(running_app, "blast/jobs", search(query_blob_url=url))
        stored = (await running_app.jobs.get(result["job_id"])).search.query_url
        assert stored.startswith(running_app.account.url("queries", f"{result['job_id']}/"))
        assert stored.endswith(".fa")


async def test_an_upload_is_searched_where_it_is(running_app: RunningApp) -> None:
    _, uploaded = upload(running_app, ("q.fa", QUERY.encode()))
    _, result = sent(running_app, "blast/jobs", search(query_blob_url=uploaded["blob_url"]))
    stored = (await running_app.jobs.get(result["job_id"])).search.query_url
    assert stored == uploaded["blob_url"]


async def test_a_query_blob_of_20_megabytes_is_too_large(running_app: RunningApp) -> None:
    data = b">a\n" + b"A" * 20_000_000
    for content in (data, gzip.compress(data)):
        body = search(query_blob_url=await put(running_app, content))
        status, result = sent(running_app, "blast/jobs", body)
        assert (status, result["detail"]["code"]) == (413, "query_too_large")


async def test_what_was_changed_in_an_upload_is_reported(running_app: RunningApp) -> None:
    _, uploaded = upload(running_app, ("q.fa", f">a\nAC--GT{SEQUENCE}\n".encode()))
    assert uploaded["warnings"] == ["the query has 2 gaps ('-'), which were removed"]
    _, result = sent(running_app, "blast/jobs", search(query_data=f">a\nAC--GT{SEQUENCE}\n"))
    assert result["meta"]["warnings"] == ["query_data has 2 gaps ('-'), which were removed"]


async def test_titles_that_xml_cannot_hold_are_refused(running_app: RunningApp) -> None:
    text = f">β-lactamase\n{SEQUENCE}\n"
    for query in ({"query_data": text}, {"query_blob_url": await put(running_app, text.encode())}):
        status, result = sent(running_app, "blast/jobs", search(**query) | {"outfmt": 5})
        assert (status, result["detail"]["errors"][0]["loc"]) == (422, ["outfmt"])
        assert sent(running_app, "blast/jobs", search(**query))[0] == 202


async def test_batches_are_counted_for_a_blob(running_app: RunningApp) -> None:
    url = await put(running_app, b">q\nACGTACGT\n" * 6000)
    body = search(query_blob_url=url) | {"batch_len": 10}
    status, result = sent(running_app, "blast/jobs", body)
    assert (status, result["detail"]["errors"][0]["loc"]) == (422, ["batch_len"])
