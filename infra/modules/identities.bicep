// The two identities. They exist before app and sidecar, so that their roles do, too.
param location string
param tags object
param appName string
param sidecarName string

resource app 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: appName
  location: location
  tags: tags
}

resource sidecar 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: sidecarName
  location: location
  tags: tags
}

output appId string = app.id
output appClientId string = app.properties.clientId
output appPrincipalId string = app.properties.principalId
output sidecarId string = sidecar.id
output sidecarClientId string = sidecar.properties.clientId
output sidecarPrincipalId string = sidecar.properties.principalId
