"""A job's result files and the index of their hits."""
