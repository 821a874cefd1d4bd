"""NCBI's BLAST URL API: its parameters, its request ids and its pages. Pure."""
