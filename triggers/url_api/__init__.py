"""NCBI's BLAST URL API, at /api/Blast.cgi, over the same jobs as the JSON API."""
