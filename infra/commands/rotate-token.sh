#!/bin/sh
# infra/commands/rotate-token.sh: replace the token of the sidecar. At every moment the app's token is one
# of the two that the sidecar accepts. If it fails, run it again. Run it while no search is in the phase
# `submitting`: a new replica ends the commands of the old one. docs/azure.md says more.
set -eu
cd "$(dirname "$0")/../.."

env_values=$(azd env get-values)
eval "$env_values"
vault="/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/$APP_RESOURCE_GROUP/providers/Microsoft.KeyVault/vaults/$VAULT_NAME"
app="/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/$APP_RESOURCE_GROUP/providers/Microsoft.Web/sites/$APP_NAME"

deploy() { # deploy NAME TEMPLATE [PARAMETER=VALUE...]
  name=$1 template=$2
  shift 2
  az deployment group create --name "$name" --resource-group "$APP_RESOURCE_GROUP" --template-file "$template" \
    --parameters vaultName="$VAULT_NAME" "$@" --output none
}

# Container Apps reads a secret again when its reference is set. A new revision starts with the values.
restart_sidecar() {
  identity=$(az containerapp show --name "$SIDECAR_NAME" --resource-group "$APP_RESOURCE_GROUP" \
    --query 'properties.configuration.registries[0].identity' --output tsv)
  uri=$(az keyvault show --name "$VAULT_NAME" --query properties.vaultUri --output tsv)
  az containerapp secret set --name "$SIDECAR_NAME" --resource-group "$APP_RESOURCE_GROUP" --output none \
    --secrets "exec-token=keyvaultref:${uri}secrets/exec-token,identityref:$identity" \
    "exec-token-next=keyvaultref:${uri}secrets/exec-token-next,identityref:$identity"
  suffix="t$(date +%s)"
  az containerapp update --name "$SIDECAR_NAME" --resource-group "$APP_RESOURCE_GROUP" --output none \
    --revision-suffix "$suffix"
  wait_for "the revision $suffix of the sidecar" is_revision_ready
}

is_revision_ready() {
  state=$(az containerapp show --name "$SIDECAR_NAME" --resource-group "$APP_RESOURCE_GROUP" \
    --query properties.latestReadyRevisionName --output tsv)
  [ "$state" = "$SIDECAR_NAME--$suffix" ]
}

restart_app() {
  az rest --method post --url "$app/config/configreferences/appsettings/refresh?api-version=2022-03-01" --output none
  wait_for "the token in the app's settings" has_app_newest_token
  az functionapp restart --name "$APP_NAME" --resource-group "$APP_RESOURCE_GROUP"
}

has_app_newest_token() {
  newest=$(az rest --method get --url "$vault/secrets/exec-token?api-version=2023-07-01" \
    --query properties.secretUriWithVersion --output tsv)
  used=$(az rest --method get \
    --url "$app/config/configreferences/appsettings/BLAST_SIDECAR_TOKEN?api-version=2024-04-01" \
    --query 'properties.[status, activeVersion]' --output tsv)
  expected=$(printf 'Resolved\n%s' "${newest##*/}")
  [ "$used" = "$expected" ]
}

wait_for() { # wait_for WHAT COMMAND: at most ten minutes
  for _ in $(seq 60); do
    if "$2"; then
      return
    fi
    sleep 10
  done
  echo "Waited ten minutes for $1. Look at it in the portal, then run this again." >&2
  exit 1
}

echo '1/4 a new token, as the second one that the sidecar accepts'
deploy new-token infra/modules/token.bicep secretNames='["exec-token-next"]'
restart_sidecar
echo '2/4 the new token for the app'
deploy copy-token infra/copy-token.bicep
restart_app
echo '3/4 the sidecar forgets the former token'
restart_sidecar
echo '4/4 check'
curl --fail --silent --show-error "$APP_URL/api/health/ready"
