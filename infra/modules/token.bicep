// Writes one value to secrets: a new random one, unless it is given. It is made in Azure, and no person or
// machine outside of Azure ever has it.
param vaultName string
param secretNames array

@secure()
param value string = '${newGuid()}-${newGuid()}'

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: vaultName
}

resource secrets 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = [for name in secretNames: {
  parent: vault
  name: name
  properties: {
    value: value
    contentType: 'X-Exec-Token of the sidecar'
  }
}]
