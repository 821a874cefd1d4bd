// What tells operators of trouble: a check from outside, an action group, and a rule for each query
// alert-*.kql in infra/monitoring/queries. A rule fires if its query returns a row. docs/runbook.md has a
// section for each.
param location string
param tags object
param healthName string
param actionGroupName string
param rulePrefix string
param logsId string
param insightsId string
param appUrl string

@description('Addresses that get a mail for each alert.')
param emails array

// severity: 0 is critical, 1 an error, 2 a warning. The window is the time that the query sees.
var rules = [
  {
    name: 'health'
    severity: 0
    every: 'PT5M'
    window: 'PT15M'
    text: 'Checks from outside fail: the app, or a service that it needs, is down.'
    query: loadTextContent('../monitoring/queries/alert-health.kql')
  }
  {
    name: '5xx'
    severity: 1
    every: 'PT5M'
    window: 'PT15M'
    text: 'More than 5 % of the requests fail by a fault of the app or of a service that it needs.'
    query: loadTextContent('../monitoring/queries/alert-5xx.kql')
  }
  {
    name: 'no-executions'
    severity: 0
    every: 'PT5M'
    window: 'PT15M'
    text: 'No function has run for 15 minutes.'
    query: loadTextContent('../monitoring/queries/alert-no-executions.kql')
  }
  {
    name: 'storage'
    severity: 1
    every: 'PT5M'
    window: 'PT15M'
    text: 'Tables, Blob or Queues refuse the app, or do not answer it.'
    query: loadTextContent('../monitoring/queries/alert-storage.kql')
  }
  {
    name: 'queue-backlog'
    severity: 2
    every: 'PT15M'
    window: 'PT30M'
    text: 'More than 100 messages have waited in blast-requests for 30 minutes.'
    query: loadTextContent('../monitoring/queries/alert-queue-backlog.kql')
  }
  {
    name: 'sidecar'
    severity: 1
    every: 'PT5M'
    window: 'PT15M'
    text: 'The sidecar does not answer, or loses submissions.'
    query: loadTextContent('../monitoring/queries/alert-sidecar.kql')
  }
  {
    name: 'poison'
    severity: 2
    every: 'PT15M'
    window: 'PT30M'
    text: 'Messages stay back in the poison queue.'
    query: loadTextContent('../monitoring/queries/alert-poison.kql')
  }
  {
    name: 'nothing-reconciled'
    severity: 1
    every: 'PT5M'
    window: 'PT15M'
    text: 'reconcile has not run for 15 minutes: lost searches are not recovered.'
    query: loadTextContent('../monitoring/queries/alert-nothing-reconciled.kql')
  }
  {
    name: 'stuck-orchestrations'
    severity: 1
    every: 'PT5M'
    window: 'PT15M'
    text: 'Orchestrations do not go on.'
    query: loadTextContent('../monitoring/queries/alert-stuck-orchestrations.kql')
  }
  {
    name: 'configuration'
    severity: 1
    every: 'PT5M'
    window: 'PT15M'
    text: 'A setting is wrong, or a token or a role is refused: searches wait for an operator.'
    query: loadTextContent('../monitoring/queries/alert-configuration.kql')
  }
  {
    name: 'failures-by-us'
    severity: 1
    every: 'PT5M'
    window: 'PT15M'
    text: 'Searches or requests have failed by a fault of the app itself.'
    query: loadTextContent('../monitoring/queries/alert-failures-by-us.kql')
  }
  {
    name: 'waits-too-long'
    severity: 2
    every: 'PT15M'
    window: 'PT30M'
    text: 'A search has waited for two hours to be submitted.'
    query: loadTextContent('../monitoring/queries/alert-waits-too-long.kql')
  }
  {
    name: 'left-on-cluster'
    severity: 2
    every: 'PT15M'
    window: 'PT30M'
    text: 'Searches may have left Jobs on a cluster, which cost money.'
    query: loadTextContent('../monitoring/queries/alert-left-on-cluster.kql')
  }
]

resource health 'Microsoft.Insights/webtests@2022-06-15' = {
  name: healthName
  location: location
  tags: union(tags, { 'hidden-link:${insightsId}': 'Resource' }) // Azure needs this tag
  kind: 'standard'
  properties: {
    SyntheticMonitorId: healthName
    Name: 'health'
    Enabled: true
    Kind: 'standard'
    Frequency: 300
    Timeout: 60
    RetryEnabled: true
    Locations: [
      { Id: 'us-va-ash-azr' }
      { Id: 'emea-nl-ams-azr' }
      { Id: 'apac-sg-sin-azr' }
    ]
    Request: {
      RequestUrl: '${appUrl}/api/health/ready'
      HttpVerb: 'GET'
      ParseDependentRequests: false
    }
    ValidationRules: {
      ExpectedHttpStatusCode: 200
      SSLCheck: true
      SSLCertRemainingLifetimeCheck: 7
    }
  }
}

resource operators 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: actionGroupName
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'blast'
    enabled: true
    emailReceivers: [for email in emails: {
      name: email
      emailAddress: email
      useCommonAlertSchema: true
    }]
  }
}

resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for rule in rules: {
  name: '${rulePrefix}-${rule.name}'
  location: location
  tags: tags
  properties: {
    displayName: 'BLAST: ${rule.name}'
    description: '${rule.text} See docs/runbook.md, ${rule.name}.'
    severity: rule.severity
    enabled: true
    scopes: [
      logsId
    ]
    evaluationFrequency: rule.every
    windowSize: rule.window
    autoMitigate: true
    skipQueryValidation: true // a new workspace does not have all tables
    criteria: {
      allOf: [
        {
          query: rule.query
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    actions: {
      actionGroups: [
        operators.id
      ]
    }
  }
}]
