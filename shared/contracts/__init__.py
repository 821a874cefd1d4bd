"""Values that cross package boundaries: job states, searches, activity inputs and outcomes."""
