"""How a search is cited. Pure."""

from shared.contracts.job import Job
from triggers.schemas.exports import Citation, CitationFormat

_ELASTIC_BLAST = (
    "Camacho C, Boratyn GM, Joukov V, Vera Alvarez R, Madden TL. ElasticBLAST: accelerating"
    " sequence search via cloud computing. BMC Bioinformatics 24, 117 (2023)."
    " doi:10.1186/s12859-023-05245-9"
)
_BLAST = (
    "Camacho C, Coulouris G, Avagyan V, Ma N, Papadopoulos J, Bealer K, Madden TL. BLAST+:"
    " architecture and applications. BMC Bioinformatics 10, 421 (2009)."
    " doi:10.1186/1471-2105-10-421"
)


def cite(job: Job, format_: CitationFormat) -> Citation:
    """Return the sentence for a methods section, and the two articles."""
    search = job.search
    date = f"{(job.finished_at or job.created_at):%Y-%m-%d}"
    options = f" with the options {search.options}" if search.options else ""
    sentence = (
        f"Sequences were searched with {search.program} (ElasticBLAST) against the database"
        f" {search.database}{options} on {date}; search {job.job_id}."
    )
    texts = {
        "text": f"{sentence}\n{_ELASTIC_BLAST}\n{_BLAST}",
        "markdown": f"{sentence}\n\n1. {_ELASTIC_BLAST}\n2. {_BLAST}",
        "bibtex": _bibtex(job, sentence, date),
    }
    return Citation(
        job_id=job.job_id,
        format=format_,
        citation=texts[format_],
        rid=job.job_id,
        program=search.program,
        blast_version="",
        database=search.database,
    )


def _bibtex(job: Job, sentence: str, date: str) -> str:
    note = "".join(character for character in sentence if character not in "{}\\")
    return "\n".join(
        (
            f"@misc{{{job.job_id},",
            "  title = {ElasticBLAST search},",
            f"  year = {{{date[:4]}}},",
            f"  note = {{{note}}}",
            "}",
            "@article{elasticblast2023,",
            "  author = {Camacho, Christiam and Boratyn, Grzegorz M. and Joukov, Victor and"
            " Vera Alvarez, Roberto and Madden, Thomas L.},",
            "  title = {ElasticBLAST: accelerating sequence search via cloud computing},",
            "  journal = {BMC Bioinformatics}, volume = {24}, pages = {117}, year = {2023},",
            "  doi = {10.1186/s12859-023-05245-9}",
            "}",
        )
    )
