"""The HTTP operations on hits: pages, aggregates and exports."""
