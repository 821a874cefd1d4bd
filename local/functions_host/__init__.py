"""A development host for Python v2 Functions apps with Durable Functions 1.x."""
