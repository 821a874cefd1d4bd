"""The exec server: runs audited command line tools for a caller that holds the token."""
