import { expect } from 'chai'
import { Sandbox, type SandboxMetrics } from 'e2b'
import { after, before, describe, it } from 'mocha'
import { eventually } from '../support/wait.ts'
import { openTarget, type Target } from './target.ts'

describe('metrics', function () {
  this.timeout(60_000)
  let target: Target
  let busy: Sandbox
  let idle: Sandbox
  before(async () => {
    target = await openTarget()
    ;[busy, idle] = await Promise.all([target.create(), target.create()])
    await busy.commands.run(`node -e 'const held = Buffer.alloc(64e6, 1); for (;;) held[0]++'`, { background: true, timeoutMs: 0 })
  })
  after(() => target.stop())

  const latest = async (sandbox: Sandbox, fits: (point: SandboxMetrics) => boolean) =>
    eventually('a point fits', async () => (await sandbox.getMetrics()).find(fits), { timeoutMs: 40_000, pollMs: 250 })

  it('show what a busy sandbox uses', async () => {
    const point = await latest(busy, ({ cpuUsedPct }) => cpuUsedPct > 5)
    expect(point.memUsed).to.be.above(64e6)
    expect(point.cpuUsedPct).to.be.below(point.cpuCount * 100 + 1)
    const info = await busy.getInfo()
    expect([point.cpuCount, point.memTotal]).to.deep.equal([info.cpuCount, info.memoryMB * 1024 * 1024])
    expect(Math.abs(point.timestamp.getTime() - Date.now())).to.be.below(60_000)
  })

  it('come for an idle sandbox as well', async () => {
    const point = await latest(idle, () => true)
    expect(point.cpuUsedPct).to.be.below(50)
  })

  it('come every five seconds', async () => {
    const [first, second] = await eventually(
      'two points are there',
      async () => {
        const [one, other] = await idle.getMetrics()
        return one && other && ([one, other] as const)
      },
      { timeoutMs: 40_000, pollMs: 250 },
    )
    expect(second.timestamp.getTime() - first.timestamp.getTime()).to.be.within(3_000, 15_000)
  })

  it('are narrowed by time', async () => {
    const point = await latest(busy, () => true)
    const before = new Date(point.timestamp.getTime() - 60_000)
    expect(await busy.getMetrics({ end: before })).to.deep.equal([])
    expect((await busy.getMetrics({ start: before })).length).to.be.above(0)
  })
})
