// Two storage accounts: of the Functions host (task hub, requests, package) and of the searches (jobs,
// queries, databases, results). Neither has keys that work.
param location string
param tags object
param hostName string
param dataName string

@description('The subnets that reach the host account. Empty: every network does, with an Entra token.')
param subnetIds array

@description('The days after which queries and results are removed: more than those for which a job is kept.')
param blobRetentionDays int

var closed = {
  accessTier: 'Hot'
  allowBlobPublicAccess: false
  allowCrossTenantReplication: false
  allowSharedKeyAccess: false
  defaultToOAuthAuthentication: true
  minimumTlsVersion: 'TLS1_2'
  supportsHttpsTrafficOnly: true
}

var networkRules = [for id in subnetIds: {
  id: id
  action: 'Allow'
}]

resource host 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: hostName
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: union(closed, {
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: empty(subnetIds) ? 'Allow' : 'Deny'
      virtualNetworkRules: networkRules
    }
  })
}

resource hostBlobs 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' = {
  parent: host
  name: 'default'
}

resource packages 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = {
  parent: hostBlobs
  name: 'packages'
}

resource hostQueues 'Microsoft.Storage/storageAccounts/queueServices@2024-01-01' = {
  parent: host
  name: 'default'
}

resource requests 'Microsoft.Storage/storageAccounts/queueServices/queues@2024-01-01' = {
  parent: hostQueues
  name: 'blast-requests'
}

// Open to every network, with an Entra token: nodes of the cluster and people's tools use it, too.
resource data 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: dataName
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: union(closed, {
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: 'Allow'
    }
  })
}

resource dataBlobs 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' = {
  parent: data
  name: 'default'
}

// The app makes its containers, too; here they are ready for databases before its first start.
resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = [for name in ['blast-db', 'queries', 'results']: {
  parent: dataBlobs
  name: name
}]

resource dataQueues 'Microsoft.Storage/storageAccounts/queueServices@2024-01-01' = {
  parent: data
  name: 'default'
}

resource completions 'Microsoft.Storage/storageAccounts/queueServices/queues@2024-01-01' = {
  parent: dataQueues
  name: 'blast-completions'
}

// The app removes no blobs.
resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2024-01-01' = {
  parent: data
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'remove-queries-and-results'
          type: 'Lifecycle'
          enabled: true
          definition: {
            filters: {
              blobTypes: ['blockBlob']
              prefixMatch: ['queries/', 'results/']
            }
            actions: {
              baseBlob: {
                delete: { daysAfterModificationGreaterThan: blobRetentionDays }
              }
            }
          }
        }
      ]
    }
  }
}

output hostName string = host.name
output dataName string = data.name
output packageUri string = '${host.properties.primaryEndpoints.blob}${packages.name}'
