// One search for each query file. A search is submitted once; what waits for it is repeated on exit
// code 75 of blastctl, try again.
process SUBMIT {
    input:
    path query

    output:
    stdout

    script:
    """
    blastctl --url ${params.server} submit blastn orchid_its ${query} -o evalue=1e-9
    """
}

process HITS {
    errorStrategy { task.exitStatus == 75 ? 'retry' : 'terminate' }
    maxRetries 3

    input:
    val job

    output:
    path 'hits.csv'

    script:
    """
    blastctl --url ${params.server} wait ${job.trim()}
    blastctl --url ${params.server} fetch ${job.trim()} --format csv --output hits.csv
    """
}

workflow {
    HITS(SUBMIT(Channel.fromPath('queries/*.fa')))
}
