"""The durable orchestrator of a job, and the workflow that it follows. Pure."""
