"""The durable engine: what the Durable Functions extension does on Azure, over a SQLite file."""
