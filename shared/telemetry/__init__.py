"""What the app reports to operators beside its log lines: an event per transition, and metrics."""
