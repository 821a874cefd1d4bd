"""From a request to an accepted job: parsing, checking, creating."""
