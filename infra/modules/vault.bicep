// The vault with the token of the sidecar. It has no purge protection: its only content can be made again,
// and `azd down --purge` has to leave nothing.
param location string
param tags object
param name string

@description('The subnets that reach the vault. Empty: every network does, with an Entra token.')
param subnetIds array

param createToken bool

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enabledForTemplateDeployment: true // copy-token.bicep reads a secret for another
    softDeleteRetentionInDays: 7
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: empty(subnetIds) ? 'Allow' : 'Deny'
      virtualNetworkRules: [for id in subnetIds: { id: id }]
    }
  }
}

module secrets 'token.bicep' = if (createToken) {
  name: 'token'
  params: {
    vaultName: vault.name
    secretNames: ['exec-token', 'exec-token-next']
  }
}

output name string = vault.name
output tokenUri string = '${vault.properties.vaultUri}secrets/exec-token'
output nextTokenUri string = '${vault.properties.vaultUri}secrets/exec-token-next'
