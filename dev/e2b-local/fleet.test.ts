import { expect } from 'chai'
import { describe, it } from 'mocha'
import type { Backend } from './backend.ts'
import { CommandTable } from './command.ts'
import { Fleet } from './fleet.ts'
import { LightFiles } from './light-files.ts'
import type { SandboxSpec } from './sandbox.ts'

const SPEC: SandboxSpec = {
  templateId: 'base',
  alias: 'base',
  metadata: {},
  envs: {},
  timeoutMs: 600_000,
  autoPause: false,
  autoResume: false,
  allowInternetAccess: undefined,
  network: undefined,
}

/** Something behind a sandbox that does what it is told when the test says so, and what it was told. */
function slow(): { backend: Backend; told: string[]; letGo: () => void } {
  const told: string[] = []
  let letGo: () => void = () => undefined
  const gate = new Promise<void>((resolve) => (letGo = resolve))
  const backend: Backend = {
    files: new LightFiles({ usedBytes: 0 }),
    commands: new CommandTable(),
    start: async () => Promise.reject(new Error('starts nothing')),
    portOf: () => undefined,
    answer: undefined,
    pids: () => [],
    freeze: async () => void told.push('freeze'),
    thaw: async () => {
      told.push('thaw')
      await gate
    },
    end: async () => void told.push('end'),
  }
  return { backend, told, letGo }
}
const atOnce = async () => Promise.resolve()
const inAnHour = () => Date.now() + 3_600_000

describe('a fleet', () => {
  it('leaves a sandbox ended that ends while it is resumed', async () => {
    const { backend, told, letGo } = slow()
    const fleet = new Fleet(async () => Promise.resolve(backend))
    const sandbox = await fleet.create(SPEC, atOnce)
    await fleet.pause(sandbox)
    const resuming = fleet.resume(sandbox, inAnHour())
    await fleet.end(sandbox)
    letGo()
    expect([await resuming, sandbox.state, fleet.runningCount, told]).to.deep.equal([false, 'ended', 0, ['freeze', 'end']])
  })

  it('leaves a sandbox ended that ends in the middle of being resumed', async () => {
    const { backend, told, letGo } = slow()
    const fleet = new Fleet(async () => Promise.resolve(backend))
    const sandbox = await fleet.create(SPEC, atOnce)
    await fleet.pause(sandbox)
    const resuming = fleet.resume(sandbox, inAnHour())
    await atOnce()
    await atOnce()
    expect(told).to.deep.equal(['freeze', 'thaw'])
    await fleet.end(sandbox)
    letGo()
    expect([await resuming, sandbox.state, fleet.runningCount]).to.deep.equal([false, 'ended', 0])
  })

  it('makes nothing more once all have been ended, and ends what was being made', async () => {
    const { backend, told } = slow()
    let deliver: () => void = () => undefined
    const fleet = new Fleet(async () => new Promise((resolve) => (deliver = () => resolve(backend))))
    let isReady: () => void = () => undefined
    const waiting = fleet.create(SPEC, async () => new Promise((resolve) => (isReady = resolve))).catch(String)
    const creating = fleet.create(SPEC, atOnce)
    await atOnce()
    await atOnce()
    const ending = fleet.endAll()
    deliver()
    isReady()
    await ending
    expect((await creating).state).to.equal('ended')
    expect(await waiting).to.contain('shutting down')
    expect([told, [...fleet.all], fleet.runningCount]).to.deep.equal([['end'], [], 0])
  })

  it('counts what runs and what is being made, not what is paused', async () => {
    const fleet = new Fleet(async () => Promise.resolve(slow().backend))
    const [one] = [await fleet.create(SPEC, atOnce), await fleet.create(SPEC, atOnce)]
    const creating = fleet.create(SPEC, atOnce)
    expect(fleet.runningCount).to.equal(3)
    await creating
    await fleet.pause(one)
    expect(fleet.runningCount).to.equal(2)
    await fleet.endAll()
  })
})
