"""The page: its source, and what joins it into one file."""
