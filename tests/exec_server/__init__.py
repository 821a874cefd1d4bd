"""A stand-in for the dashboard's exec server, and the tests that both of them pass."""
