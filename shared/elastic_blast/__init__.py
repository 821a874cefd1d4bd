"""What we say to the elastic-blast command and what we make of its answers. Pure."""
