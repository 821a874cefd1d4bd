"""What BLAST+ reads and writes: databases, FASTA queries and result files."""
