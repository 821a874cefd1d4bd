// The roles on the existing registry.
param registryName string
param sidecarPrincipalId string
param kubeletPrincipalId string
param kubeletCanPull bool

@description('The description of the assignments, by which they are found and removed.')
param mark string

var roles = loadJsonContent('../roles.json')
var definitions = 'Microsoft.Authorization/roleDefinitions'
var principals = kubeletCanPull ? [sidecarPrincipalId] : [sidecarPrincipalId, kubeletPrincipalId]

resource registry 'Microsoft.ContainerRegistry/registries@2023-07-01' existing = {
  name: registryName
}

resource pullers 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principal in principals: {
  scope: registry
  name: guid(registry.id, principal, 'AcrPull')
  properties: {
    principalId: principal
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(definitions, roles.AcrPull)
    description: mark
  }
}]

output server string = registry.properties.loginServer
