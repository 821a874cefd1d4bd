"""A job as the API shows it."""
