// The workbook for operators: a panel for each query in infra/monitoring/queries but those of alerts.
param location string
param tags object
param name string
param logsId string

// visualization: table, timechart or barchart.
var panels = [
  {
    title: 'Searches by phase'
    visualization: 'timechart'
    query: loadTextContent('../monitoring/queries/searches-by-phase.kql')
  }
  {
    title: 'Searches accepted and ended, by the hour'
    visualization: 'barchart'
    query: loadTextContent('../monitoring/queries/searches-accepted-and-ended.kql')
  }
  {
    title: 'One search: its life (enter its id above)'
    visualization: 'table'
    query: loadTextContent('../monitoring/queries/search-life.kql')
  }
  {
    title: 'One search: its log'
    visualization: 'table'
    query: loadTextContent('../monitoring/queries/search-log.kql')
  }
  {
    title: 'Waits: the oldest search that is not yet submitted, in minutes'
    visualization: 'timechart'
    query: loadTextContent('../monitoring/queries/waits-oldest.kql')
  }
  {
    title: 'Waits: seconds in each phase'
    visualization: 'table'
    query: loadTextContent('../monitoring/queries/waits-by-phase.kql')
  }
  {
    title: 'Waits: seconds for the submit slot, the submission, the first batch and a look'
    visualization: 'table'
    query: loadTextContent('../monitoring/queries/waits-durations.kql')
  }
  {
    title: 'Failures by code'
    visualization: 'table'
    query: loadTextContent('../monitoring/queries/failures-by-code.kql')
  }
  {
    title: 'Retries by category and code'
    visualization: 'table'
    query: loadTextContent('../monitoring/queries/failures-retries.kql')
  }
  {
    title: 'Refused requests by code'
    visualization: 'table'
    query: loadTextContent('../monitoring/queries/failures-refusals.kql')
  }
  {
    title: 'Clusters'
    visualization: 'table'
    query: loadTextContent('../monitoring/queries/clusters.kql')
  }
  {
    title: 'Upkeep: what reconcile does'
    visualization: 'barchart'
    query: loadTextContent('../monitoring/queries/upkeep-reconcile.kql')
  }
  {
    title: 'Upkeep: messages in the queues'
    visualization: 'timechart'
    query: loadTextContent('../monitoring/queries/upkeep-queues.kql')
  }
  {
    title: 'Upkeep: functions'
    visualization: 'table'
    query: loadTextContent('../monitoring/queries/upkeep-functions.kql')
  }
  {
    title: 'Cost: hours on clusters'
    visualization: 'table'
    query: loadTextContent('../monitoring/queries/cost-searches.kql')
  }
  {
    title: 'Cost: gigabytes of logs'
    visualization: 'table'
    query: loadTextContent('../monitoring/queries/cost-logs.kql')
  }
]

var parameters = loadJsonContent('../monitoring/parameters.json')
var items = [for panel in panels: {
  type: 3 // a query
  name: panel.title
  content: {
    version: 'KqlItem/1.0'
    title: panel.title
    query: panel.query
    size: 0
    showExportToExcel: true
    timeContextFromParameter: 'TimeRange'
    queryType: 0 // of a workspace
    resourceType: 'microsoft.operationalinsights/workspaces'
    visualization: panel.visualization
  }
}]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(logsId, name)
  location: location
  tags: union(tags, { 'hidden-title': 'BLAST searches' })
  kind: 'shared'
  properties: {
    displayName: 'BLAST searches'
    category: 'workbook'
    sourceId: logsId
    version: 'Notebook/1.0'
    serializedData: string({
      version: 'Notebook/1.0'
      items: concat([parameters], items)
      fallbackResourceIds: [
        logsId
      ]
    })
  }
}
