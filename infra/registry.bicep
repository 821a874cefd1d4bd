// A registry of its own, where REGISTRY_NAME names none: preprovision.sh deploys it before main.bicep,
// because the image of the sidecar has to be in it.
targetScope = 'subscription'

param environmentName string
param location string

var token = uniqueString(subscription().id, environmentName, location)
var tags = { 'azd-env-name': environmentName }

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module registry 'modules/registry.bicep' = {
  name: 'registry'
  scope: group
  params: {
    name: 'cr${token}'
    location: location
    tags: tags
  }
}

output name string = registry.outputs.name
output resourceGroup string = group.name
