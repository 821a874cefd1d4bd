"""What a job does to the outside: one idempotent activity for each stage of its workflow."""
