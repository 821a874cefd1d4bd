// The Functions app on Flex Consumption, and its settings. docs/settings.md has those that are not set here.
param location string
param tags object
param planName string
param name string
param identityId string
param identityClientId string
param insightsName string
param hostStorageName string
param packageUri string
param dataStorageName string

@description('The subnet of the app; empty without a network.')
param subnetId string

param authClientId string
param sidecarUrl string
param tokenUri string
param clusterName string
param clusterResourceGroup string
param clusterRegion string
param registryName string
param registryResourceGroup string
param queueOwnerId string
param queueOwnerName string
param retentionDays int

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    tier: 'FlexConsumption'
    name: 'FC1'
  }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'api' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
    }
    functionAppConfig: {
      runtime: {
        name: 'python'
        version: '3.13'
      }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageUri
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: 2048 // one processor
        maximumInstanceCount: 40
        // No cold start for requests and for steps of jobs. Queues and timers can wait for theirs.
        alwaysReady: [
          {
            name: 'http'
            instanceCount: 1
          }
          {
            name: 'durable'
            instanceCount: 1
          }
        ]
      }
    }
  }
}

// Passwords for deployments. azd uses Entra tokens.
resource noPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = [for protocol in ['ftp', 'scm']: {
  parent: app
  name: protocol
  properties: { allow: false }
}]

resource settings 'Microsoft.Web/sites/config@2024-04-01' = {
  parent: app
  name: 'appsettings'
  properties: {
    AzureWebJobsStorage__accountName: hostStorageName
    AzureWebJobsStorage__credential: 'managedidentity'
    AzureWebJobsStorage__clientId: identityClientId
    AZURE_CLIENT_ID: identityClientId
    AZURE_TOKEN_CREDENTIALS: 'ManagedIdentityCredential'
    PYTHON_THREADPOOL_THREAD_COUNT: '8' // docs/operations.md says why

    APPLICATIONINSIGHTS_CONNECTION_STRING: insights.properties.ConnectionString
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
    // The worker takes traces over from the host; the app itself configures Azure Monitor (decision 0071).
    PYTHON_ENABLE_OPENTELEMETRY: 'true'
    OTEL_SERVICE_NAME: 'elastic-blast-control-plane'
    OTEL_TRACES_SAMPLER: 'microsoft.fixed_percentage' // else the distribution keeps five traces a second
    OTEL_TRACES_SAMPLER_ARG: '1.0'
    OTEL_METRIC_EXPORT_INTERVAL: '15000' // milliseconds; a process that is killed loses that much (decision 0120)

    BLAST_AUTH_MODE: 'entra'
    BLAST_TENANT_ID: tenant().tenantId
    BLAST_CLIENT_ID: authClientId
    BLAST_AUTHORITY_URL: environment().authentication.loginEndpoint
    BLAST_STORAGE_ACCOUNT: dataStorageName
    BLAST_STORAGE_SUFFIX: environment().suffixes.storage
    BLAST_SIDECAR_URL: sidecarUrl
    BLAST_SIDECAR_TOKEN: '@Microsoft.KeyVault(SecretUri=${tokenUri})'
    BLAST_ARM_URL: environment().resourceManager
    BLAST_QUEUE_OWNER_OID: queueOwnerId
    BLAST_QUEUE_OWNER_TENANT_ID: tenant().tenantId
    BLAST_QUEUE_OWNER_UPN: queueOwnerName
    BLAST_CLUSTER_NAME: clusterName
    BLAST_RESOURCE_GROUP: clusterResourceGroup
    BLAST_REGION: clusterRegion
    BLAST_SUBSCRIPTION_ID: subscription().subscriptionId
    BLAST_ACR_NAME: registryName
    BLAST_ACR_RESOURCE_GROUP: registryResourceGroup
    BLAST_RETENTION: '${retentionDays}d'
  }
}

output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
