"""The columns of BLAST's tables."""

COLUMNS = frozenset(
    name
    for line in (
        "std qseqid qgi qacc qaccver qlen sseqid sallseqid sgi sallgi sacc saccver sallacc slen",
        "qstart qend sstart send qseq sseq evalue bitscore score length pident nident mismatch",
        "positive gapopen gaps ppos frames qframe sframe btop staxid ssciname scomname sblastname",
        "sskingdom staxids sscinames scomnames sblastnames sskingdoms stitle salltitles sstrand",
        "qcovs qcovhsp qcovus",
    )
    for name in line.split()
)
"""Of the formats 6, 7 and 10. BLAST+ passes over any other without a word."""
