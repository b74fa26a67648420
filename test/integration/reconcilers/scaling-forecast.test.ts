import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { SCALING_POLICIES } from '../../../src/reconcilers/shared/kinds.ts'
import { readHistory, writeHistory } from '../../../src/scaling/history.ts'
import { ScalingLab } from '../../support/scaling-lab.ts'

const SEASON_MS = 600_000
const STEP_MS = 3_000
const LOAD = { name: 'load', type: 'InFlightPerAgent', target: { value: 1 } }
const PREDICTIVE = { mode: 'Scale', season: '10m', horizon: '2m' }

describe('scaling ahead of the load', function () {
  this.timeout(120_000)
  let lab: ScalingLab
  before(async () => {
    lab = await ScalingLab.start({ router: true, e2b: { light: true } })
  })
  after(async () => lab.stop())

  /** Four seasons until now, in whose second quarter five agents were needed, and one in the rest; in a minute that begins again. */
  const seasons = (nowMs: number) => {
    const risesMs = nowMs + 60_000
    const fromMs = Math.floor((nowMs - 4 * SEASON_MS) / STEP_MS) * STEP_MS + STEP_MS
    const since = (ms: number) => (ms - risesMs + 8 * SEASON_MS) % SEASON_MS
    const points = Array.from({ length: (4 * SEASON_MS) / STEP_MS - 1 }, (_, at) => (since(fromMs + at * STEP_MS) < SEASON_MS / 4 ? 5 : 1))
    return writeHistory({ stepMs: STEP_MS, fromMs, points }, nowMs - SEASON_MS)
  }

  it('goes on from the load that was recorded before the operator was killed, and starts agents before it comes', async () => {
    const { system } = lab
    await lab.swarm('desk', 1)
    await lab.policy('desk', { maxReplicas: 8, metrics: [LOAD], predictive: PREDICTIVE })
    const young = await lab.decided('desk', ({ forecast, recorded }) => forecast !== undefined && recorded !== undefined)
    expect(young.status?.forecast).to.deep.include({ used: false })
    expect(young.status?.wantedReplicas).to.equal(1)
    await system.operator?.kill()
    const recorded = seasons(Date.now())
    await system.client.mergePatch(SCALING_POLICIES, young.metadata, { status: { recorded } }, { subresource: 'status' })
    await system.startOperator()
    await lab.replicas('desk', 5)
    const { status } = await lab.decided('desk', ({ forecast, decidingMetric }) => forecast?.used === true && decidingMetric === 'forecast')
    expect(status?.metrics?.[0]).to.deep.include({ value: '0', state: 'Fresh' })
    expect(status?.askedReplicas).to.equal(5)
    expect(status?.recorded?.at, 'the operator has stored it anew').to.not.equal(recorded.at)
    await system.settled('desk')
    await system.operator?.kill()
    const restartedMs = Date.now()
    await system.startOperator()
    const again = await lab.decided('desk', ({ metrics }) => Date.parse(metrics?.[0]?.measuredAt ?? '') > restartedMs)
    const [was, is] = [recorded, again.status?.recorded].map((each) => each && readHistory(each, Date.now()))
    expect(again.status?.forecast?.used).to.equal(true)
    const moved = ((is?.fromMs ?? 0) - (was?.fromMs ?? 0)) / STEP_MS
    const kept = was?.points.slice(moved) ?? []
    expect(is?.points.slice(0, kept.length)).to.deep.equal(kept)
    expect((await system.swarm('desk'))?.spec.replicas).to.equal(5)
  })
})
