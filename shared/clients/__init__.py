"""The only place that speaks to Azure, Kubernetes and the sidecar."""
