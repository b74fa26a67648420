import { describe, it } from 'mocha'
import { expect } from 'chai'
import { fleetDashboard } from './fleet.ts'
import { dashboard, type GridPos } from './model.ts'
import { operatorDashboard } from './operator.ts'

/** The ids of units in Grafana's list that we use. */
const UNITS = ['short', 'percentunit', 'percent', 's', 'reqps', 'ops', 'currencyUSD', 'bytes', 'd']

const overlap = (a: GridPos, b: GridPos) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h

describe('dashboards', () => {
  it('are found by ids of their own', () => {
    const all = [fleetDashboard(), operatorDashboard()]
    expect(all.map(({ uid }) => uid)).to.deep.equal(['swarmops-fleet', 'swarmops-operator'])
    for (const { uid } of all) expect(uid).to.match(/^[a-zA-Z0-9_-]{1,40}$/)
  })

  for (const board of [fleetDashboard(), operatorDashboard()]) {
    const charts = board.panels.filter(({ type }) => type !== 'row')

    it(`${board.title}: panels have ids and places of their own on a grid of 24 columns`, () => {
      expect(board.panels.map(({ id }) => id)).to.deep.equal(board.panels.map((_, i) => i + 1))
      for (const { title, gridPos } of board.panels) {
        expect(gridPos.x >= 0 && gridPos.x + gridPos.w <= 24 && gridPos.h > 0 && Number.isInteger(gridPos.w), title).to.equal(true)
        const others = board.panels.filter((other) => other.title !== title && overlap(other.gridPos, gridPos))
        expect(
          others.map((other) => other.title),
          title,
        ).to.deep.equal([])
      }
      expect(new Set(board.panels.map(({ title }) => title)).size).to.equal(board.panels.length)
    })

    it(`${board.title}: every panel has queries to the chosen data source, a unit and words about it`, () => {
      for (const { title, targets = [], datasource, description = '', fieldConfig } of charts) {
        expect(datasource, title).to.deep.equal({ type: 'prometheus', uid: '${datasource}' })
        expect(targets.length, title).to.be.within(1, 26)
        expect(new Set(targets.map(({ refId }) => refId)).size, title).to.equal(targets.length)
        expect(description, title).to.match(/^\S.*\.$/)
        const { defaults } = fieldConfig as { defaults: { unit: string; thresholds: { steps: { value: number | null }[] } } }
        expect(defaults.unit, title).to.be.oneOf(UNITS)
        expect(defaults.thresholds.steps[0]?.value, title).to.equal(null)
      }
    })

    it(`${board.title}: uses its variables, and no others`, () => {
      const names = board.templating.list.map(({ name }) => name)
      const used = new Set([...JSON.stringify(board.panels).matchAll(/\$\{?(\w+)/g)].map(([, name = '']) => name))
      used.delete('__rate_interval')
      expect([...used]).to.have.members(names)
    })
  }

  it('refuse nothing that fits: a row of panels begins where the one before ends', () => {
    const panel = { title: 'p', what: 'W.', queries: [['up', '']] as const }
    const sections = [
      { title: 'a', perRow: 2, height: 4, panels: [panel, panel, panel] },
      { title: 'b', perRow: 3, height: 8, panels: [panel] },
    ]
    const { panels } = dashboard({ uid: 'u', title: 't', description: 'd', variables: [], sections })
    expect(panels.map(({ gridPos: { x, y, w, h } }) => [x, y, w, h])).to.deep.equal([
      [0, 0, 24, 1],
      [0, 1, 12, 4],
      [12, 1, 12, 4],
      [0, 5, 12, 4],
      [0, 9, 24, 1],
      [0, 10, 8, 8],
    ])
  })
})
