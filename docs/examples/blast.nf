// One search for each query file. Exit code 75 of blastctl: try again.
process BLAST {
    errorStrategy { task.exitStatus == 75 ? 'retry' : 'terminate' }
    maxRetries 3

    input:
    path query

    output:
    path 'hits.csv'

    script:
    """
    job=\$(blastctl --url ${params.server} submit blastn orchid_its ${query} -o evalue=1e-9)
    blastctl --url ${params.server} wait \$job
    blastctl --url ${params.server} fetch \$job --format csv --output hits.csv
    """
}

workflow {
    BLAST(Channel.fromPath('queries/*.fa'))
}
