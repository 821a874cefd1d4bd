"""Input for the elastic-blast command, and parsing of its output. Pure."""
