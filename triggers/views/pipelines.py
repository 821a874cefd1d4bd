"""A search as a step of a pipeline: it submits the same search with another query. Pure.

The file has no address, token or storage account: the pipeline's environment names them.
"""

import json
from collections.abc import Mapping
from string import Template
from typing import Any

from triggers.schemas.exports import PipelineFormat

FILE_NAMES: Mapping[PipelineFormat, str] = {"snakemake": "Snakefile", "nextflow": "main.nf"}
_PLACES = frozenset(
    {
        *("aks_cluster_name", "resource_group", "region", "subscription_id", "storage_account"),
        *("acr_name", "acr_resource_group", "query_file", "query_label"),
    }
)
"""Fields of a request that are not part of the search itself."""

_PYTHON = '''
def call(method, path, body=None, **headers):
    token = os.environ.get("ELB_TOKEN")
    if token:
        headers["Authorization"] = "Bearer " + token
    data = None if body is None else json.dumps(body).encode()
    for pause in (1, 5, 15, 60, None):
        request = urllib.request.Request(
            os.environ["ELB_BASE_URL"].rstrip("/") + path, data, headers, method=method
        )
        try:
            return urllib.request.urlopen(request, timeout=60).read()
        except urllib.error.HTTPError as error:
            if pause is None or error.code not in (408, 429, 500, 502, 503, 504):
                raise SystemExit(f"{path}: HTTP {error.code}: {error.read().decode()[:2000]}")
        except urllib.error.URLError as error:
            if pause is None:
                raise SystemExit(f"{path}: {error.reason}")
        time.sleep(pause)


def search(query_path, result_path):
    """Submit the search, wait for its end, and write its hits as a table.

    The key is made of the search and the query, so that a repeat after a crash finds the same job.
    """
    with open(query_path, encoding="utf-8") as file:
        body = {**SEARCH, "query_data": file.read()}
    key = hashlib.sha256(json.dumps([RUN, body], sort_keys=True).encode()).hexdigest()
    job_id = json.loads(call("POST", "/api/blast/jobs", body, **{"Idempotency-Key": key}))["job_id"]
    path = f"/api/blast/jobs/{job_id}"
    while True:
        job = json.loads(call("GET", path + "?include_database_metadata=false"))
        if job["status"] in ("completed", "failed", "cancelled"):
            break
        time.sleep(5)
    if job["status"] != "completed":
        raise SystemExit(f"{job_id} is {job['status']}: {job.get('error')}")
    with open(result_path, "wb") as file:
        file.write(call("GET", path + "/results/export?format=tsv"))
'''

_IMPORTS = "import hashlib, json, os, time, urllib.error, urllib.request"
_SNAKEMAKE = Template(
    '''# Runs the search of $job_id with another query.
#
#     export ELB_BASE_URL=https://<the app> ELB_TOKEN=<a token, unless the app is local>
#     snakemake --cores 1 --config query=query.fa result=hits.tsv
#
# ELB_RUN is part of the search's idempotency key: another value searches the same query again.
$imports

SEARCH = json.loads(r"""$search""")
RUN = os.environ.get("ELB_RUN", "1")
$python

rule all:
    input: config.get("result", "hits.tsv")

rule blast:
    input: config.get("query", "query.fa")
    output: config.get("result", "hits.tsv")
    run:
        search(input[0], output[0])
'''
)
_NEXTFLOW = Template(
    '''// Runs the search of $job_id with other queries. It needs Python 3 beside Nextflow. It was
// never run: no Nextflow was at hand where it was written.
//
//     export ELB_BASE_URL=https://<the app> ELB_TOKEN=<a token, unless the app is local>
//     nextflow run main.nf --query 'queries/*.fa'
params.query = 'query.fa'
params.outdir = 'hits'

process BLAST {
    publishDir params.outdir
    input:
    path query
    output:
    path "$${query.baseName}.tsv"
    shell:
    \'\'\'
    #!/usr/bin/env python3
    $imports

    SEARCH = json.loads(r"""$search""")
    RUN = os.environ.get("ELB_RUN", "1")
$python
    search("!{query}", "!{query.baseName}.tsv")
    \'\'\'
}

workflow {
    BLAST(Channel.fromPath(params.query))
}
'''
)


def render_pipeline(job_id: str, payload: Mapping[str, Any], format_: PipelineFormat) -> str:
    """Return the file that runs a search; `payload` is the search as a request."""
    search = {name: value for name, value in payload.items() if name not in _PLACES}
    values = {"job_id": job_id, "imports": _IMPORTS}
    text = _json(search)
    if format_ == "snakemake":
        return _SNAKEMAKE.substitute(values, search=text, python=_PYTHON)
    python = _groovy(_indented(_PYTHON))
    return _NEXTFLOW.substitute(values, search=_groovy(text), python=python)


def _json(search: Mapping[str, Any]) -> str:
    """One line of JSON that cannot end a raw string, nor be a placeholder of a pipeline."""
    text = json.dumps(search, sort_keys=True)
    return "".join(f"\\u{ord(c):04x}" if c in "'!$" else c for c in text)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in text.split("\n"))


def _groovy(text: str) -> str:
    """Text within a string of Groovy between three single quotes."""
    return text.replace("\\", "\\\\")
