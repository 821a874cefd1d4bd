// The roles on the existing cluster. With Azure RBAC for Kubernetes they also govern what is inside of it.
param clusterName string
param usesAzureRbac bool
param appPrincipalId string
param sidecarPrincipalId string

@description('The description of the assignments, by which they are found and removed.')
param mark string

var roles = loadJsonContent('../roles.json')
var definitions = 'Microsoft.Authorization/roleDefinitions'

resource cluster 'Microsoft.ContainerService/managedClusters@2024-09-01' existing = {
  name: clusterName
}

// Bicep knows no such type (warning BCP081). It is the scope of a role on one namespace.
resource defaultNamespace 'Microsoft.ContainerService/managedClusters/namespaces@2024-09-01' existing = {
  parent: cluster
  name: 'default'
}

resource usersOfCluster 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principal in [appPrincipalId, sidecarPrincipalId]: {
  scope: cluster
  name: guid(cluster.id, principal, 'Azure Kubernetes Service Cluster User')
  properties: {
    principalId: principal
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(definitions, roles['Azure Kubernetes Service Cluster User'])
    description: mark
  }
}]

resource appOnNamespace 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (usesAzureRbac) {
  scope: defaultNamespace
  name: guid(defaultNamespace.id, appPrincipalId, 'Azure Kubernetes Service RBAC Writer')
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(definitions, roles['Azure Kubernetes Service RBAC Writer'])
    description: mark
  }
}

// elastic-blast binds a service account to cluster-admin, which only an administrator of the cluster can do.
resource sidecarOnCluster 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (usesAzureRbac) {
  scope: cluster
  name: guid(cluster.id, sidecarPrincipalId, 'Azure Kubernetes Service RBAC Cluster Admin')
  properties: {
    principalId: sidecarPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(definitions, roles['Azure Kubernetes Service RBAC Cluster Admin'])
    description: mark
  }
}

output region string = toLower(replace(cluster.location, ' ', ''))
output kubeletPrincipalId string = cluster.properties.identityProfile.kubeletidentity.objectId
