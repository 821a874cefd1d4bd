"""The embedded default: everything a machine needs to run the product without Azure."""
