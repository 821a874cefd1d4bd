// Everything that one environment has on Azure. docs/azure.md has a drawing of it.
// Names: the abbreviation of the resource type, a word if there are several, and the environment's token.
targetScope = 'subscription'

@description('The name of the azd environment.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('The region of all new resources; best that of the cluster.')
param location string

@description('The AKS cluster of searches that name none. It exists already.')
param clusterName string

@description('The resource group of that cluster.')
param clusterResourceGroup string

@description('Whether the cluster uses Azure RBAC for Kubernetes. If not, infra/kubernetes/access.yaml is applied to it.')
param clusterUsesAzureRbac bool

@description('The registry of the ElasticBLAST images and of the sidecar. It exists already; preprovision.sh makes one if none is named.')
param registryName string

@description('The resource group of that registry.')
param registryResourceGroup string

@description('Whether the nodes of the cluster can pull from the registry already. A second assignment of a role fails.')
param kubeletCanPull bool

@description('The image of the sidecar, with its tag. preprovision.sh builds it.')
param sidecarImage string

@description('Whether to write a new sidecar token to the vault. preprovision.sh decides it: only if there is none.')
param createToken bool

@description('The app registration that callers request tokens for.')
param authClientId string

@description('The object id of the owner of searches that arrive by queue: the person or principal who deploys.')
param principalId string

@description('The name of that owner, as people read it.')
param principalName string

@description('Whether app, sidecar, their storage and the vault are in a virtual network. False is for trials: see docs/azure.md.')
param vnetEnabled bool = true

@description('The address range of the virtual network, a /24 or larger that no peered network uses.')
param vnetAddressPrefix string = '10.60.0.0/24'

@description('How long ended jobs are kept, in days. Queries and results are removed a week later.')
@minValue(1)
@maxValue(3640)
param retentionDays int = 90

@description('Object ids, separated by spaces, of the service principals that may send searches to the queue blast-requests.')
param queueSenders string = ''

@description('Ids, separated by spaces, of further subnets that reach the host storage, from which searches are sent. Each needs the service endpoint Microsoft.Storage.')
param senderSubnets string = ''

@description('Object ids, separated by spaces, of the service principals that may read the queue blast-completions.')
param completionReaders string = ''

@description('Addresses, separated by spaces, that get a mail for each alert. Without one, alerts are seen in the portal only.')
param alertEmails string = ''

var token = uniqueString(subscription().id, environmentName, location)
var names = {
  group: 'rg-${environmentName}'
  logs: 'log-${token}'
  insights: 'appi-${token}'
  health: 'health-${token}'
  actionGroup: 'ag-${token}'
  alerts: 'alert-${token}'
  workbook: 'workbook-${token}'
  appIdentity: 'id-app-${token}'
  sidecarIdentity: 'id-sidecar-${token}'
  network: 'vnet-${token}'
  hostStorage: 'sthost${token}'
  dataStorage: 'stdata${token}'
  stateStorage: 'ststate${token}'
  vault: 'kv-${token}'
  containerEnvironment: 'cae-${token}'
  sidecar: 'ca-sidecar-${token}'
  plan: 'plan-${token}'
  app: 'func-${token}'
}
var tags = { 'azd-env-name': environmentName }
// Marks the role assignments outside of the group, so that predown.sh finds them.
var assignmentMark = 'elastic-blast-control-plane ${environmentName}'

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: names.group
  location: location
  tags: tags
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    location: location
    tags: tags
    logsName: names.logs
    insightsName: names.insights
  }
}

module identities 'modules/identities.bicep' = {
  name: 'identities'
  scope: group
  params: {
    location: location
    tags: tags
    appName: names.appIdentity
    sidecarName: names.sidecarIdentity
  }
}

module network 'modules/network.bicep' = if (vnetEnabled) {
  name: 'network'
  scope: group
  params: {
    location: location
    tags: tags
    name: names.network
    addressPrefix: vnetAddressPrefix
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    location: location
    tags: tags
    hostName: names.hostStorage
    dataName: names.dataStorage
    subnetIds: vnetEnabled ? concat(network!.outputs.subnetIds, empty(senderSubnets) ? [] : split(senderSubnets, ' ')) : []
    blobRetentionDays: retentionDays + 7
  }
}

module state 'modules/state.bicep' = if (vnetEnabled) {
  name: 'state'
  scope: group
  params: {
    location: location
    tags: tags
    name: names.stateStorage
    subnetIds: network!.outputs.subnetIds
  }
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  scope: group
  params: {
    location: location
    tags: tags
    name: names.vault
    subnetIds: vnetEnabled ? network!.outputs.subnetIds : []
    createToken: createToken
  }
}

module cluster 'modules/cluster-roles.bicep' = {
  name: 'cluster-roles-${token}'
  scope: resourceGroup(clusterResourceGroup)
  params: {
    clusterName: clusterName
    usesAzureRbac: clusterUsesAzureRbac
    appPrincipalId: identities.outputs.appPrincipalId
    sidecarPrincipalId: identities.outputs.sidecarPrincipalId
    mark: assignmentMark
  }
}

module registry 'modules/registry-roles.bicep' = {
  name: 'registry-roles-${token}'
  scope: resourceGroup(registryResourceGroup)
  params: {
    registryName: registryName
    sidecarPrincipalId: identities.outputs.sidecarPrincipalId
    kubeletPrincipalId: cluster.outputs.kubeletPrincipalId
    kubeletCanPull: kubeletCanPull
    mark: assignmentMark
  }
}

module roles 'modules/roles.bicep' = {
  name: 'roles'
  scope: group
  params: {
    hostStorageName: storage.outputs.hostName
    dataStorageName: storage.outputs.dataName
    insightsName: monitoring.outputs.insightsName
    vaultName: vault.outputs.name
    appPrincipalId: identities.outputs.appPrincipalId
    sidecarPrincipalId: identities.outputs.sidecarPrincipalId
    kubeletPrincipalId: cluster.outputs.kubeletPrincipalId
    queueSenderIds: empty(queueSenders) ? [] : split(queueSenders, ' ')
    completionReaderIds: empty(completionReaders) ? [] : split(completionReaders, ' ')
  }
}

module sidecar 'modules/sidecar.bicep' = {
  name: 'sidecar'
  scope: group
  params: {
    location: location
    tags: tags
    environmentName: names.containerEnvironment
    name: names.sidecar
    image: sidecarImage
    registryServer: registry.outputs.server
    identityId: identities.outputs.sidecarId
    identityClientId: identities.outputs.sidecarClientId
    tokenUri: vault.outputs.tokenUri
    nextTokenUri: vault.outputs.nextTokenUri
    logsId: monitoring.outputs.logsId
    subnetId: vnetEnabled ? network!.outputs.sidecarSubnetId : ''
    networkId: vnetEnabled ? network!.outputs.id : ''
    stateStorageName: vnetEnabled ? state!.outputs.name : ''
    stateShareName: vnetEnabled ? state!.outputs.shareName : ''
  }
  dependsOn: [
    roles
  ]
}

module app 'modules/app.bicep' = {
  name: 'app'
  scope: group
  params: {
    location: location
    tags: tags
    planName: names.plan
    name: names.app
    identityId: identities.outputs.appId
    identityClientId: identities.outputs.appClientId
    insightsName: monitoring.outputs.insightsName
    hostStorageName: storage.outputs.hostName
    packageUri: storage.outputs.packageUri
    dataStorageName: storage.outputs.dataName
    subnetId: vnetEnabled ? network!.outputs.appSubnetId : ''
    authClientId: authClientId
    sidecarUrl: sidecar.outputs.url
    tokenUri: vault.outputs.tokenUri
    clusterName: clusterName
    clusterResourceGroup: clusterResourceGroup
    clusterRegion: cluster.outputs.region
    registryName: registryName
    registryResourceGroup: registryResourceGroup
    queueOwnerId: principalId
    queueOwnerName: principalName
    retentionDays: retentionDays
  }
  dependsOn: [
    roles
  ]
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    location: location
    tags: tags
    healthName: names.health
    actionGroupName: names.actionGroup
    rulePrefix: names.alerts
    logsId: monitoring.outputs.logsId
    insightsId: monitoring.outputs.insightsId
    appUrl: app.outputs.url
    emails: empty(alertEmails) ? [] : split(alertEmails, ' ')
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: {
    location: location
    tags: tags
    name: names.workbook
    logsId: monitoring.outputs.logsId
  }
}

// azd keeps these in the environment; the hooks and commands read them.
output APP_RESOURCE_GROUP string = group.name
output APP_NAME string = app.outputs.name
output APP_URL string = app.outputs.url
output SIDECAR_NAME string = sidecar.outputs.name
output VAULT_NAME string = vault.outputs.name
output DATA_STORAGE_ACCOUNT string = storage.outputs.dataName
output HOST_STORAGE_ACCOUNT string = storage.outputs.hostName
output APP_PRINCIPAL_ID string = identities.outputs.appPrincipalId
output SIDECAR_PRINCIPAL_ID string = identities.outputs.sidecarPrincipalId
