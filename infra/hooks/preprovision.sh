#!/bin/sh
# Before `azd provision`: what main.bicep needs and Bicep cannot make or find out. Running it again changes
# nothing that is right already.
set -eu
cd "$(dirname "$0")/../.."

fail() {
  echo "$*" >&2
  exit 1
}

# keep NAME COMMAND...: keep a command's output in the azd environment, for main.parameters.json, and here.
# A failed command ends the script, which it would not as an argument of another.
keep() {
  name=$1
  shift
  value=$("$@")
  azd env set "$name" "$value"
  eval "$name=\$value"
}

check_settings() {
  missing=
  for name in AZURE_ENV_NAME AZURE_LOCATION AZURE_SUBSCRIPTION_ID CLUSTER_NAME CLUSTER_RESOURCE_GROUP \
    SIDECAR_BASE_IMAGE; do
    eval "value=\${$name:-}"
    [ -n "$value" ] || missing="$missing $name"
  done
  [ -z "$missing" ] || fail "Set these with 'azd env set NAME VALUE' (docs/azure.md):$missing"
  command -v az >/dev/null || fail "Install the Azure CLI: it builds the image and registers the app."
  az account set --subscription "$AZURE_SUBSCRIPTION_ID" || fail "Sign in first: az login"
}

show_cluster() { # show_cluster QUERY
  az aks show --resource-group "$CLUSTER_RESOURCE_GROUP" --name "$CLUSTER_NAME" --query "$1" --output tsv
}

show_registry() { # show_registry QUERY
  az acr show --name "$REGISTRY_NAME" --query "$1" --output tsv
}

find_registry() {
  if [ -z "${REGISTRY_NAME:-}" ]; then
    keep REGISTRY_NAME az deployment sub create --name "registry-$AZURE_ENV_NAME" \
      --location "$AZURE_LOCATION" --template-file infra/registry.bicep \
      --parameters environmentName="$AZURE_ENV_NAME" location="$AZURE_LOCATION" \
      --query properties.outputs.name.value --output tsv
    keep REGISTRY_CREATED echo true
  fi
  keep REGISTRY_RESOURCE_GROUP show_registry resourceGroup
}

# Whether the nodes have the role AcrPull by another assignment than that of main.bicep, which has a mark.
can_kubelet_pull() {
  registry=$(show_registry id)
  kubelet=$(show_cluster identityProfile.kubeletidentity.objectId)
  az role assignment list --scope "$registry" --include-inherited --role AcrPull --output tsv --query \
    "length([?principalId=='$kubelet' && description!='elastic-blast-control-plane $AZURE_ENV_NAME']) > \`0\`"
}

# The tag is a digest of the content: without a change there is nothing to build.
build_sidecar() {
  tag=$({ cat sidecar/Dockerfile sidecar/requirements.txt sidecar/*.py && echo "$SIDECAR_BASE_IMAGE"; } |
    git hash-object --stdin)
  if ! az acr manifest show-metadata --registry "$REGISTRY_NAME" --name "exec-server:$tag" \
    --output none 2>/dev/null; then
    context=$(mktemp -d)
    trap 'rm -rf "$context"' EXIT
    mkdir "$context/sidecar"
    cp sidecar/Dockerfile sidecar/requirements.txt sidecar/*.py "$context/sidecar"
    az acr build --registry "$REGISTRY_NAME" --image "exec-server:$tag" --file sidecar/Dockerfile \
      --build-arg BASE="$SIDECAR_BASE_IMAGE" "$context"
  fi
  server=$(show_registry loginServer)
  keep SIDECAR_IMAGE echo "$server/exec-server:$tag"
}

register_app() {
  if [ -n "${AUTH_CLIENT_ID:-}" ] && [ "${AUTH_APP_CREATED:-}" != true ]; then
    return # named by the operator
  fi
  title="elastic-blast-control-plane $AZURE_ENV_NAME"
  client=$(az ad app list --filter "displayName eq '$title'" --query '[0].appId' --output tsv)
  if [ -z "$client" ]; then
    client=$(az ad app create --display-name "$title" --sign-in-audience AzureADMyOrg --query appId --output tsv)
  fi
  keep AUTH_APP_CREATED echo true
  keep AUTH_CLIENT_ID echo "$client"
  az ad app update --id "$client" --identifier-uris "api://$client"
  graph=$(az cloud show --query endpoints.microsoftGraphResourceId --output tsv)
  # Entra allows a client to use a scope only after the scope exists: two requests.
  for body in infra/entra/registration.json infra/entra/allow-azure-cli.json; do
    az rest --method patch --url "${graph%/}/v1.0/applications(appId='$client')" \
      --headers Content-Type=application/json --body "@$body"
  done
  principal=$(az ad sp list --filter "appId eq '$client'" --query '[0].id' --output tsv)
  if [ -z "$principal" ]; then
    az ad sp create --id "$client" --output none
  fi
}

# Whether the vault lacks the token. Resource Manager lists names only: no value leaves the vault.
is_token_missing() {
  group="rg-$AZURE_ENV_NAME"
  exists=$(az group exists --name "$group")
  [ "$exists" = true ] || { echo true && return; }
  vault=$(az keyvault list --resource-group "$group" --query '[0].id' --output tsv)
  [ -n "$vault" ] || { echo true && return; }
  az rest --method get --url "$vault/secrets?api-version=2023-07-01" --output tsv \
    --query "length(value[?name=='exec-token-next']) == \`0\`"
}

check_settings
keep PRINCIPAL_NAME az account show --query user.name --output tsv
keep CLUSTER_USES_AZURE_RBAC show_cluster "aadProfile.enableAzureRbac == \`true\`"
find_registry
keep KUBELET_CAN_PULL can_kubelet_pull
build_sidecar
register_app
keep CREATE_TOKEN is_token_missing
