// The state folder of the sidecar: an NFS share, which needs no key and is reached from the subnets only.
param location string
param tags object
param name string
param subnetIds array

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'FileStorage'
  sku: { name: 'Premium_LRS' }
  properties: {
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: 'Enabled'
    // Container Apps mounts NFS without TLS. The traffic stays in the virtual network.
    supportsHttpsTrafficOnly: false
    networkAcls: {
      bypass: 'None'
      defaultAction: 'Deny'
      virtualNetworkRules: [for id in subnetIds: {
        id: id
        action: 'Allow'
      }]
    }
  }
}

resource files 'Microsoft.Storage/storageAccounts/fileServices@2024-01-01' = {
  parent: account
  name: 'default'
}

resource share 'Microsoft.Storage/storageAccounts/fileServices/shares@2024-01-01' = {
  parent: files
  name: 'exec-server'
  properties: {
    enabledProtocols: 'NFS'
    rootSquash: 'NoRootSquash' // the init container gives the folder to the user of the sidecar
    shareQuota: 100 // GiB; the least that Azure sells
  }
}

output name string = account.name
output shareName string = share.name
