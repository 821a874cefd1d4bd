"""What touches the world: one module per noun, whose verbs may be said twice."""
