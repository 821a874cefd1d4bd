// The second step of rotate-token.sh: exec-token becomes what exec-token-next is.
param vaultName string

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: vaultName
}

module copy 'modules/token.bicep' = {
  name: 'copy-token'
  params: {
    vaultName: vaultName
    secretNames: ['exec-token']
    value: vault.getSecret('exec-token-next')
  }
}
