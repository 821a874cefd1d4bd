#!/bin/sh
# After `azd provision`: access inside a cluster that does not use Azure RBAC for Kubernetes.
set -eu
cd "$(dirname "$0")/.."

if [ "$CLUSTER_USES_AZURE_RBAC" = true ]; then
  exit 0 # modules/cluster-roles.bicep has given the roles
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
sed -e "s/\${APP_PRINCIPAL_ID}/$APP_PRINCIPAL_ID/" -e "s/\${SIDECAR_PRINCIPAL_ID}/$SIDECAR_PRINCIPAL_ID/" \
  kubernetes/access.yaml >"$folder/access.yaml"
# Through Resource Manager, which reaches private clusters, too, and needs no kubectl here.
code=$(az aks command invoke --resource-group "$CLUSTER_RESOURCE_GROUP" --name "$CLUSTER_NAME" \
  --command 'kubectl apply --filename access.yaml' --file "$folder/access.yaml" \
  --query exitCode --output tsv)
if [ "$code" != 0 ]; then
  echo "kubectl could not apply infra/kubernetes/access.yaml to $CLUSTER_NAME: see 'az aks command result'." >&2
  exit 1
fi
