"""Results over the whole stack: the API's hits equal those of the files."""

import csv
import io

import pytest
import urllib3

from local.demo.hits import result_rows
from tests.end_to_end.conftest import StackFixture

pytestmark = pytest.mark.acceptance


def test_the_hits_of_a_search_can_be_viewed_and_exported(system: StackFixture) -> None:
    job_id = system.submit()
    system.ended(job_id)
    rows = [row.split("\t") for row in result_rows(system.api.files(job_id))]
    at = f"/api/blast/jobs/{job_id}/results"
    aggregate = system.api.get(f"{at}/aggregate")
    assert (aggregate["status"], aggregate["stats"]["total_hits"]) == ("ok", len(rows))
    assert aggregate["stats"]["unique_queries"] == len({row[0] for row in rows})
    assert (aggregate["stats"]["files_parsed"], aggregate["stats"]["truncated"]) == (2, False)
    page = system.api.get(f"{at}/alignments?max_alignments=3&query_id={rows[0][0]}")
    assert [hit["sseqid"] for hit in page["alignments"]] == [row[1] for row in rows[:3]]
    answer = urllib3.request("GET", f"{system.stack.url}{at}/export?format=csv")
    exported = list(csv.reader(io.StringIO(answer.data.decode())))[1:]
    assert [(row[:2], float(row[2])) for row in exported] == [
        (row[:2], float(row[2])) for row in rows
    ]


def test_a_file_is_downloaded_in_parts(system: StackFixture) -> None:
    job_id = system.submit()
    system.ended(job_id)
    file = system.api.results(job_id)["files"][0]
    url = f"{system.stack.url}/api/blast/jobs/{job_id}/results/{file['file_id']}"
    whole = urllib3.request("GET", url)
    assert (whole.status, len(whole.data)) == (200, file["size"])
    headers = {"Range": "bytes=10-", "If-Range": whole.headers["ETag"]}
    rest = urllib3.request("GET", url, headers=headers)
    assert (rest.status, rest.data) == (206, whole.data[10:])
    assert rest.headers["Content-Range"] == f"bytes 10-{file['size'] - 1}/{file['size']}"
