"""The demo: real sequences, real searches, and the client that asks for them."""
