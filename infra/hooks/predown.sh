#!/bin/sh
# Before `azd down`: remove what lies outside the resource group, which azd then deletes as a whole.
# It can run again after a failure.
set -eu

subscription="/subscriptions/$AZURE_SUBSCRIPTION_ID"
cluster="$subscription/resourceGroups/$CLUSTER_RESOURCE_GROUP/providers/Microsoft.ContainerService/managedClusters/$CLUSTER_NAME"
registry="$subscription/resourceGroups/$REGISTRY_RESOURCE_GROUP/providers/Microsoft.ContainerRegistry/registries/$REGISTRY_NAME"

remove_assignments() { # remove_assignments SCOPE: those with the mark of this environment
  ids=$(az role assignment list --scope "$1" --output tsv --query \
    "[?description=='elastic-blast-control-plane $AZURE_ENV_NAME'].id")
  for id in $ids; do
    az role assignment delete --ids "$id"
  done
}

remove_kubernetes_access() {
  code=$(az aks command invoke --resource-group "$CLUSTER_RESOURCE_GROUP" --name "$CLUSTER_NAME" \
    --command 'kubectl delete --ignore-not-found --namespace default role/elastic-blast-control-plane rolebinding/elastic-blast-control-plane clusterrolebinding/elastic-blast-sidecar' \
    --query exitCode --output tsv)
  if [ "$code" != 0 ]; then
    echo "kubectl could not delete the roles in $CLUSTER_NAME: see 'az aks command result'." >&2
    exit 1
  fi
}

az account set --subscription "$AZURE_SUBSCRIPTION_ID"
remove_assignments "$cluster/namespaces/default"
remove_assignments "$cluster"
if [ -n "$REGISTRY_NAME" ]; then # empty once this script has run for a registry of the group
  remove_assignments "$registry"
fi
if [ "$CLUSTER_USES_AZURE_RBAC" = false ]; then
  remove_kubernetes_access
fi
# Only what the hooks made: a registration or registry that the operator named stays.
if [ "${AUTH_APP_CREATED:-}" = true ] && [ -n "${AUTH_CLIENT_ID:-}" ]; then
  az ad app delete --id "$AUTH_CLIENT_ID"
  azd env set AUTH_CLIENT_ID ''
  azd env set AUTH_APP_CREATED ''
fi
if [ "${REGISTRY_CREATED:-}" = true ]; then # it is in the resource group
  azd env set REGISTRY_NAME ''
  azd env set REGISTRY_CREATED ''
fi
