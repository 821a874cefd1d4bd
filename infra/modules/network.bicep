// The virtual network of app and sidecar. Storage and vault are reached by service endpoints, which need
// neither DNS zones nor private endpoints.
param location string
param tags object
param name string
param addressPrefix string

var serviceEndpoints = [
  { service: 'Microsoft.Storage' }
  { service: 'Microsoft.KeyVault' }
]
// Flex Consumption and Container Apps ask for the same delegation, and for a subnet each.
var delegations = [
  {
    name: 'environments'
    properties: { serviceName: 'Microsoft.App/environments' }
  }
]

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addressPrefix] }
    subnets: [
      {
        name: 'snet-app'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 26, 0)
          delegations: delegations
          serviceEndpoints: serviceEndpoints
        }
      }
      {
        name: 'snet-sidecar'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 26, 1)
          delegations: delegations
          serviceEndpoints: serviceEndpoints
        }
      }
    ]
  }
}

var appSubnet = resourceId('Microsoft.Network/virtualNetworks/subnets', network.name, 'snet-app')
var sidecarSubnet = resourceId('Microsoft.Network/virtualNetworks/subnets', network.name, 'snet-sidecar')

output id string = network.id
output appSubnetId string = appSubnet
output sidecarSubnetId string = sidecarSubnet
output subnetIds array = [appSubnet, sidecarSubnet]
