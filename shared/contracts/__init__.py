"""The values that cross boundaries: where a job is, what was asked, and what a step reports."""
