"""Indexes of the hits in result files of BLAST+, and questions about them."""
