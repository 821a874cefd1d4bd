// The sidecar on Container Apps: one replica, TLS by the ingress. With a network only that network reaches
// it; its state folder is on NFS. Without, its state is lost with the replica.
param location string
param tags object
param environmentName string
param name string
param image string
param registryServer string
param identityId string
param identityClientId string
param tokenUri string
param nextTokenUri string
param logsId string

@description('The subnet of the environment; empty without a network, as are the next three.')
param subnetId string
param networkId string
param stateStorageName string
param stateShareName string

var inNetwork = !empty(subnetId)
var stateDir = '/var/lib/exec-server'
var sidecarUser = '10001' // sidecar/Dockerfile

resource containerEnvironment 'Microsoft.App/managedEnvironments@2026-01-01' = {
  name: environmentName
  location: location
  tags: tags
  properties: {
    appLogsConfiguration: { destination: 'azure-monitor' } // the other destination needs a key
    vnetConfiguration: inNetwork ? {
      infrastructureSubnetId: subnetId
      internal: true
    } : null
    workloadProfiles: [
      {
        name: 'Consumption'
        workloadProfileType: 'Consumption'
      }
    ]
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: containerEnvironment
  name: 'logs'
  properties: {
    workspaceId: logsId
    logs: [
      {
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
  }
}

resource state 'Microsoft.App/managedEnvironments/storages@2026-01-01' = if (inNetwork) {
  parent: containerEnvironment
  name: 'state'
  properties: {
    nfsAzureFile: {
      server: '${stateStorageName}.file.${environment().suffixes.storage}'
      shareName: '/${stateStorageName}/${stateShareName}'
      accessMode: 'ReadWrite'
    }
  }
}

resource sidecar 'Microsoft.App/containerApps@2026-01-01' = {
  name: name
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    environmentId: containerEnvironment.id
    workloadProfileName: 'Consumption'
    configuration: {
      // The old revision serves until the new one is healthy, which it is while it waits for the state folder.
      activeRevisionsMode: 'Single'
      ingress: {
        external: true // of the environment: with a network that is inside of the network
        targetPort: 8090
        transport: 'http'
        allowInsecure: false
      }
      registries: [
        {
          server: registryServer
          identity: identityId
        }
      ]
      secrets: [
        {
          name: 'exec-token'
          keyVaultUrl: tokenUri
          identity: identityId
        }
        {
          name: 'exec-token-next'
          keyVaultUrl: nextTokenUri
          identity: identityId
        }
      ]
    }
    template: {
      terminationGracePeriodSeconds: 60
      scale: {
        minReplicas: 1
        maxReplicas: 1
      }
      // A new share belongs to root; the sidecar is not root.
      initContainers: inNetwork ? [
        {
          name: 'own-state'
          image: 'mcr.microsoft.com/azurelinux/busybox:1.36'
          command: ['chown', sidecarUser, stateDir]
          resources: {
            cpu: json('0.25')
            memory: '0.5Gi'
          }
          volumeMounts: [
            {
              volumeName: 'state'
              mountPath: stateDir
            }
          ]
        }
      ] : []
      containers: [
        {
          name: 'exec-server'
          image: image
          resources: {
            cpu: json('1.0')
            memory: '2Gi'
          }
          env: [
            {
              name: 'EXEC_HOST'
              value: '0.0.0.0'
            }
            {
              name: 'EXEC_TOKEN'
              secretRef: 'exec-token'
            }
            {
              name: 'EXEC_TOKEN_NEXT'
              secretRef: 'exec-token-next'
            }
            {
              name: 'AZURE_CLIENT_ID'
              value: identityClientId
            }
            {
              name: 'AZCOPY_MSI_CLIENT_ID'
              value: identityClientId
            }
          ]
          probes: [
            {
              type: 'Startup'
              httpGet: {
                path: '/healthz'
                port: 8090
              }
              periodSeconds: 5
              failureThreshold: 24
            }
            {
              type: 'Liveness'
              httpGet: {
                path: '/healthz'
                port: 8090
              }
              periodSeconds: 30
              timeoutSeconds: 10
            }
          ]
          volumeMounts: [
            {
              volumeName: 'state'
              mountPath: stateDir
            }
          ]
        }
      ]
      volumes: [
        inNetwork ? {
          name: 'state'
          storageType: 'NfsAzureFile'
          storageName: 'state'
        } : {
          name: 'state'
          storageType: 'EmptyDir'
        }
      ]
    }
  }
  dependsOn: [
    state
  ]
}

// An environment inside of a network has no public name.
module dns 'dns.bicep' = if (inNetwork) {
  name: 'dns'
  params: {
    tags: tags
    domain: containerEnvironment.properties.defaultDomain
    address: containerEnvironment.properties.staticIp
    networkId: networkId
  }
}

output name string = sidecar.name
output url string = 'https://${sidecar.properties.configuration.ingress.fqdn}'
