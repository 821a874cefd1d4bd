"""The durable story of a job: pure, replayed at every step, and obedient to its activities."""
