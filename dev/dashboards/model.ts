/** The parts of Grafana's dashboard model that ours use. */
export type Target = { readonly refId: string; readonly expr: string; readonly legendFormat: string; readonly datasource: Datasource }
type Datasource = { readonly type: 'prometheus'; readonly uid: string }
export type GridPos = { readonly h: number; readonly w: number; readonly x: number; readonly y: number }

/** A panel as Grafana reads it. */
export type GrafanaPanel = {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly gridPos: GridPos
  readonly datasource?: Datasource
  readonly targets?: readonly Target[]
  readonly fieldConfig?: object
  readonly options?: object
  readonly collapsed?: boolean
  readonly panels?: readonly never[]
}

/** A dashboard as Grafana reads it. */
export type Dashboard = {
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly tags: readonly string[]
  readonly schemaVersion: number
  readonly editable: boolean
  readonly graphTooltip: number
  readonly refresh: string
  readonly time: { readonly from: string; readonly to: string }
  readonly timezone: string
  readonly templating: { readonly list: readonly Variable[] }
  readonly panels: readonly GrafanaPanel[]
}

export type Variable = {
  readonly name: string
  readonly label: string
  readonly type: string
  readonly query: string | { readonly query: string; readonly refId: string }
  readonly [field: string]: unknown
}

/** Units as Grafana names them. */
export type Unit = 'short' | 'percentunit' | 'percent' | 's' | 'reqps' | 'ops' | 'currencyUSD' | 'bytes' | 'd'

/** What a panel is made from: queries with what their series are called. `what` says how to read it. */
export type PanelSpec = {
  readonly title: string
  readonly what: string
  readonly unit?: Unit
  readonly queries: readonly (readonly [expr: string, legend: string])[]
  readonly kind?: 'timeseries' | 'stat' | 'state-timeline'
  /** Areas on top of each other. */
  readonly stacked?: boolean
  /** From which value on it is yellow, and red. */
  readonly levels?: readonly [warn: number, bad: number]
  readonly max?: number
}

/** Panels under a heading, all as wide. */
export type Section = { readonly title: string; readonly perRow: number; readonly height: number; readonly panels: readonly PanelSpec[] }

const DATASOURCE: Datasource = { type: 'prometheus', uid: '${datasource}' }
const COLUMNS = 24

/** What differs between dashboards. `variables` come after the one for the data source. */
export type DashboardSpec = Pick<Dashboard, 'uid' | 'title' | 'description'> & {
  readonly variables: readonly Variable[]
  readonly sections: readonly Section[]
}

/** Makes a dashboard: ids count up, panels are laid out row by row. */
export function dashboard({ uid, title, description, variables, sections }: DashboardSpec): Dashboard {
  const panels: GrafanaPanel[] = []
  let y = 0
  for (const section of sections) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title: section.title,
      gridPos: { h: 1, w: COLUMNS, x: 0, y },
      collapsed: false,
      panels: [],
    })
    y += 1
    const w = COLUMNS / section.perRow
    for (const [i, spec] of section.panels.entries()) {
      const row = Math.floor(i / section.perRow)
      const gridPos = { h: section.height, w, x: (i % section.perRow) * w, y: y + row * section.height }
      panels.push(panel(spec, panels.length + 1, gridPos))
    }
    y += Math.ceil(section.panels.length / section.perRow) * section.height
  }
  return {
    uid,
    title,
    description,
    tags: ['swarm-operator'],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    timezone: 'browser',
    templating: { list: [{ name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus', hide: 0 }, ...variables] },
    panels,
  }
}

/** A variable whose values are those of a label; all of them unless chosen. */
export function labelVariable(name: string, label: string, query: string): Variable {
  return {
    name,
    label,
    type: 'query',
    datasource: DATASOURCE,
    query: { query, refId: name },
    definition: query,
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: '.*',
    current: { selected: true, text: 'All', value: '$__all' },
  }
}

function panel(spec: PanelSpec, id: number, gridPos: GridPos): GrafanaPanel {
  const { kind = 'timeseries', title, what, queries } = spec
  return {
    id,
    type: kind,
    title,
    description: what,
    gridPos,
    datasource: DATASOURCE,
    targets: queries.map(([expr, legendFormat], i) => ({
      refId: String.fromCharCode(65 + i),
      expr,
      legendFormat,
      datasource: DATASOURCE,
      range: kind !== 'stat',
      instant: kind === 'stat',
    })),
    fieldConfig: { defaults: fieldDefaults(spec, kind), overrides: [] },
    options: optionsOf(kind),
  }
}

function fieldDefaults({ unit = 'short', stacked = false, levels, max }: PanelSpec, kind: string): object {
  const steps = [
    { color: 'green', value: null },
    ...(levels
      ? [
          { color: 'yellow', value: levels[0] },
          { color: 'red', value: levels[1] },
        ]
      : []),
  ]
  return {
    unit,
    min: 0,
    ...(max !== undefined && { max }),
    thresholds: { mode: 'absolute', steps },
    color: { mode: kind === 'timeseries' ? 'palette-classic' : 'thresholds' },
    ...(kind === 'timeseries' && {
      custom: {
        lineWidth: 1,
        fillOpacity: stacked ? 40 : 8,
        stacking: { mode: stacked ? 'normal' : 'none', group: 'A' },
        showPoints: 'never',
        thresholdsStyle: { mode: levels ? 'dashed' : 'off' },
      },
    }),
  }
}

function optionsOf(kind: string): object {
  if (kind === 'stat')
    return { reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false }, colorMode: 'value', graphMode: 'none', textMode: 'auto' }
  const legend = { displayMode: 'list', placement: 'bottom', showLegend: true }
  return kind === 'timeseries' ? { legend, tooltip: { mode: 'multi', sort: 'desc' } } : { legend, showValue: 'never' }
}
