"""A development host for Functions apps of the Python v2 model, with Durable Functions 1.7."""
