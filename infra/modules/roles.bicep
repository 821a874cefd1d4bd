// The roles of the identities inside of the resource group. docs/contracts/azure.md has the table.
param hostStorageName string
param dataStorageName string
param insightsName string
param vaultName string
param appPrincipalId string
param sidecarPrincipalId string
param kubeletPrincipalId string
param queueSenderIds array
param completionReaderIds array

var roles = loadJsonContent('../roles.json')
var definitions = 'Microsoft.Authorization/roleDefinitions'

resource host 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: hostStorageName
}

resource requests 'Microsoft.Storage/storageAccounts/queueServices/queues@2024-01-01' existing = {
  name: '${hostStorageName}/default/blast-requests'
}

resource data 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: dataStorageName
}

resource completions 'Microsoft.Storage/storageAccounts/queueServices/queues@2024-01-01' existing = {
  name: '${dataStorageName}/default/blast-completions'
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource token 'Microsoft.KeyVault/vaults/secrets@2023-07-01' existing = {
  name: '${vaultName}/exec-token'
}

resource nextToken 'Microsoft.KeyVault/vaults/secrets@2023-07-01' existing = {
  name: '${vaultName}/exec-token-next'
}

resource appOnHost 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for role in ['Storage Blob Data Owner', 'Storage Queue Data Contributor', 'Storage Table Data Contributor']: {
  scope: host
  name: guid(host.id, appPrincipalId, role)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(definitions, roles[role])
  }
}]

resource appOnData 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for role in ['Storage Blob Data Contributor', 'Storage Queue Data Contributor', 'Storage Table Data Contributor']: {
  scope: data
  name: guid(data.id, appPrincipalId, role)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(definitions, roles[role])
  }
}]

resource appOnInsights 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for role in ['Monitoring Metrics Publisher']: {
  scope: insights
  name: guid(insights.id, appPrincipalId, role)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(definitions, roles[role])
  }
}]

resource readersOfToken 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principal in [appPrincipalId, sidecarPrincipalId]: {
  scope: token
  name: guid(token.id, principal, 'Key Vault Secrets User')
  properties: {
    principalId: principal
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(definitions, roles['Key Vault Secrets User'])
  }
}]

resource readersOfNextToken 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principal in [sidecarPrincipalId]: {
  scope: nextToken
  name: guid(nextToken.id, principal, 'Key Vault Secrets User')
  properties: {
    principalId: principal
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(definitions, roles['Key Vault Secrets User'])
  }
}]

resource searchersOnData 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principal in [sidecarPrincipalId, kubeletPrincipalId]: {
  scope: data
  name: guid(data.id, principal, 'Storage Blob Data Contributor')
  properties: {
    principalId: principal
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(definitions, roles['Storage Blob Data Contributor'])
  }
}]

resource sendersOfRequests 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principal in queueSenderIds: {
  scope: requests
  name: guid(requests.id, principal, 'Storage Queue Data Message Sender')
  properties: {
    principalId: principal
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(definitions, roles['Storage Queue Data Message Sender'])
  }
}]

resource readersOfCompletions 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principal in completionReaderIds: {
  scope: completions
  name: guid(completions.id, principal, 'Storage Queue Data Message Processor')
  properties: {
    principalId: principal
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(definitions, roles['Storage Queue Data Message Processor'])
  }
}]
