"""BLAST+ files: databases, FASTA queries and results."""
