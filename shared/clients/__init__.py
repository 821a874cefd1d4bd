"""Clients of Azure, Kubernetes and the sidecar. No other package sends requests to them."""
