"""Search with Biopython: `python biopython_search.py URL DATABASE QUERY.fa`."""

import sys
from pathlib import Path

from Bio import SearchIO
from Bio.Blast import NCBIWWW

url, database, query = sys.argv[1:]
report = NCBIWWW.qblast(
    "blastn", database, Path(query).read_text(), url_base=f"{url}/api/Blast.cgi", expect=1e-9
)
for result in SearchIO.parse(report, "blast-xml"):
    for hit in result:
        print(result.id, hit.id, hit[0].evalue, sep="\t")
