import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import type { Swarm } from '../../../src/api/objects.ts'
import { RolloutSystem, SWARM } from '../../support/rollout-system.ts'
import { eventually } from '../../support/wait.ts'

/** Waits for a person at every step, so that a test can look. */
const STEPS = [{ setWeight: 25 }, { pause: {} }, { setWeight: 50 }, { pause: {} }]
const SPEC = { steps: STEPS, scaleDownDelay: '5s', abortScaleDownDelay: '5s', progressDeadline: '30s' }

const conditionOf = (swarm: Swarm | undefined, type: string) => swarm?.status?.conditions?.find((c) => c.type === type)

describe('a canary', function () {
  this.timeout(120_000)
  let here: RolloutSystem
  before(async () => (here = await RolloutSystem.start('CanaryRollout', SPEC)))
  after(async () => here.stop())

  const settledAs = async (mode: string) => here.settledAs(mode)

  it('gives a new revision agents first and then its weight, step by step, and ends with all agents of it', async () => {
    const stable = await settledAs('good-1')
    await here.template('good-2')
    const rollout = await here.until('it waits in the first pause', ({ status }) => status?.step === '2/4 pause until promoted')
    const target = rollout.status?.state?.targetRevision ?? ''
    await here.hasWeights({ [stable]: 75, [target]: 25 })
    expect(await here.agents()).to.deep.equal({ [stable]: 4, [target]: 1 })
    expect(rollout.status?.conditions?.map((c) => `${c.type}=${c.status} ${c.reason}`)).to.deep.equal([
      'Paused=True PauseStep',
      'Ready=False PauseStep',
      'Reconciling=True PauseStep',
    ])
    const conditions = await eventually('the swarm tells of it', async () => {
      const { conditions: told } = (await here.system.swarm(SWARM))?.status ?? {}
      if (told?.some((c) => c.type === 'Reconciling' && /^CanaryRollout\/release: .*25 % of the tasks/.test(c.message))) return told
      throw new Error(JSON.stringify(told))
    })
    expect(conditions.find((c) => c.type === 'Ready')?.status).to.equal('True')
    expect(await here.ask('Promote')).to.include({ accepted: true })
    await here.until('it waits in the second pause', ({ status }) => status?.step === '4/4 pause until promoted')
    expect(await here.agents()).to.deep.equal({ [stable]: 4, [target]: 2 })
    expect(await here.ask('Promote')).to.include({ accepted: true })
    await here.is('Idle')
    await here.hasWeights({ [target]: 100 })
    await eventually('the swarm says so', async () => (await here.system.swarm(SWARM))?.status?.currentRevision === target)
    await here.hasAgents({ [target]: 4 })
    await here.system.settled(SWARM)
    const { status } = await here.until(
      'it is ready',
      (r) => r.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false,
    )
    expect(status?.state?.history[0]).to.include({ revision: target, result: 'Promoted' })
  })

  it('goes back in one step when it is aborted, keeps the agents for a while, and does not try again until it is asked', async () => {
    const stable = await settledAs('good-3')
    await here.template('good-4')
    const { status } = await here.until('it waits', (r) => r.status?.step === '2/4 pause until promoted')
    const target = status?.state?.targetRevision ?? ''
    await here.ask('Abort')
    await here.is('Aborted')
    await here.hasWeights({ [stable]: 100 })
    expect(await here.agents()).to.deep.equal({ [stable]: 4, [target]: 1 })
    await here.hasAgents({ [stable]: 4 })
    const swarm = await here.system.settled(SWARM)
    expect(swarm.status?.rejectedRevision).to.equal(target)
    expect(swarm.status?.conditions?.map((c) => `${c.type}=${c.status}`)).to.include.members(['Ready=True', 'RevisionRejected=True'])
    const rollout = await here.rollout()
    expect(rollout?.status?.conditions?.map((c) => `${c.type}=${c.status} ${c.reason}`)).to.deep.equal([
      'Ready=False AbortedByRequest',
      'Stalled=True AbortedByRequest',
    ])
    await here.ask('Retry')
    await here.until('it is tried again', (r) => r.status?.step === '2/4 pause until promoted')
    await eventually('the swarm rejects nothing', async () => (await here.system.swarm(SWARM))?.status?.rejectedRevision === undefined)
  })

  it('switches to a newer template, and straight back when the template is set back', async () => {
    const stable = await settledAs('good-5')
    await here.template('good-6')
    const first = await here.until('it waits', (r) => r.status?.step === '2/4 pause until promoted')
    await here.template('good-7')
    const second = await here.until(
      'the newest one is on its way',
      (r) => r.status?.step === '2/4 pause until promoted' && r.status.state?.targetRevision !== first.status?.state?.targetRevision,
    )
    expect(second.status?.state?.history[0]).to.include({ result: 'Replaced' })
    await here.hasAgents({ [stable]: 4, [second.status?.state?.targetRevision ?? '']: 1 })
    await here.template('good-5')
    await here.is('Idle')
    await here.hasWeights({ [stable]: 100 })
    await here.hasAgents({ [stable]: 4 })
    expect((await here.rollout())?.status?.state?.history[0]).to.include({ result: 'Reverted' })
  })

  it('follows a swarm that is scaled while it is paused, and with a template that changes at once', async () => {
    const stable = await settledAs('good-8')
    await here.template('good-9', { replicas: 8 })
    const { status } = await here.until('it waits', (r) => r.status?.step === '2/4 pause until promoted')
    const target = status?.state?.targetRevision ?? ''
    await here.hasAgents({ [stable]: 8, [target]: 2 })
    await here.system.scale(SWARM, 4)
    await here.hasAgents({ [stable]: 4, [target]: 1 })
    expect((await here.rollout())?.status?.step).to.equal('2/4 pause until promoted')
  })

  it('that never gets ready has no tasks, and is given up at its deadline', async () => {
    const stable = await settledAs('good-10')
    await here.apply({ ...SPEC, progressDeadline: '3s' })
    await here.template('good-11', { template: { command: ['sleep', '600'] } })
    const rollout = await here.is('Aborted')
    expect(rollout.status?.state?.failure).to.include({ reason: 'ProgressDeadlineExceeded', step: 1 })
    await here.hasWeights({ [stable]: 100 })
    await here.hasAgents({ [stable]: 4 })
    await here.apply(SPEC)
  })

  it('that ends at start has no tasks, and a good one after it goes through the steps', async () => {
    const stable = await settledAs('good-12')
    await here.apply({ ...SPEC, progressDeadline: '3s' })
    await here.template('good-13', { template: { command: ['false'] } })
    await here.is('Aborted')
    await here.apply(SPEC)
    await here.template('good-14')
    const { status } = await here.until('it waits', (r) => r.status?.step === '2/4 pause until promoted')
    expect(status?.state?.stableRevision).to.equal(stable)
  })

  it('is one step for a revision that was stable lately', async () => {
    const old = await settledAs('good-15')
    await settledAs('good-16')
    await here.template('good-15')
    await here.is('Idle')
    const { status } = await here.until('it is back', (r) => r.status?.state?.stableRevision === old)
    expect(status?.state?.history[0]).to.include({ revision: old, result: 'Promoted', step: 1 })
    await here.hasAgents({ [old]: 4 })
  })

  it('can be gone back from to an earlier revision, until the template changes', async () => {
    const old = await settledAs('good-17')
    const newer = await settledAs('good-18')
    expect(await here.ask('RollbackTo', { revision: 'nonsense' })).to.include({ accepted: false })
    await here.ask('RollbackTo', { revision: old })
    expect((await here.rollout())?.status?.request, 'or the next one would inherit its revision').to.equal(undefined)
    await here.until('it is back', (r) => r.status?.state?.stableRevision === old && r.status.state.activity === 'Idle')
    await here.hasAgents({ [old]: 4 })
    expect((await here.system.settled(SWARM)).status).to.include({ currentRevision: old, updateRevision: newer })
  })

  it('that is deleted leaves what it gave up rejected; another one takes that over', async () => {
    const stable = await settledAs('good-19')
    await here.template('good-20')
    await here.until('it waits', (r) => r.status?.step === '2/4 pause until promoted')
    await here.ask('Abort')
    await here.is('Aborted')
    await here.system.removeRollout('CanaryRollout', here.name)
    await here.hasAgents({ [stable]: 4 })
    const seen = await eventually('the swarm follows no rollout', async () => {
      const swarm = await here.system.swarm(SWARM)
      return swarm?.status?.rollout === undefined ? swarm : undefined
    })
    expect(conditionOf(seen, 'RevisionRejected')?.message).to.match(/attach a rollout/)
    await eventually('its swarm says that it does not run what it is asked for', async () => {
      const stalled = conditionOf(await here.system.swarm(SWARM), 'Stalled')
      return stalled?.reason === 'RevisionRejected' && /attach a rollout/.test(stalled.message)
    })
    await here.hasWeights({ [stable]: 100 })
    await here.apply(SPEC)
    await here.is('Aborted')
    await eventually('the rollout tells it', async () => conditionOf(await here.system.swarm(SWARM), 'Stalled') === undefined)
    await here.ask('Retry')
    await here.until('it is tried', (r) => r.status?.step === '2/4 pause until promoted')
  })

  it('that is deleted in the middle leaves the rest to the rolling update of the swarm', async () => {
    await settledAs('good-21')
    await here.template('good-22')
    const { status } = await here.until('it waits', (r) => r.status?.step === '2/4 pause until promoted')
    await here.system.removeRollout('CanaryRollout', here.name)
    await here.hasAgents({ [status?.state?.targetRevision ?? '']: 4 })
    await here.system.settled(SWARM)
    await here.apply(SPEC)
    await here.is('Idle')
  })

  it('is one of a swarm: another one says which one is followed, and follows when that is gone', async () => {
    await settledAs('good-23')
    await here.system.applyRollout('BlueGreenRollout', 'second', { swarm: SWARM })
    await eventually('the second one says why', async () => {
      const second = await here.system.rollout('BlueGreenRollout', 'second')
      return second?.status?.conditions?.some((c) => c.type === 'Stalled' && /CanaryRollout\/release, which is older/.test(c.message))
    })
    await here.system.removeRollout('CanaryRollout', here.name)
    await eventually('the second one follows', async () => {
      const second = await here.system.rollout('BlueGreenRollout', 'second')
      if (second?.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True')) return true
      throw new Error(JSON.stringify([second?.status, (await here.system.swarm(SWARM))?.status]))
    })
    await eventually('the swarm says so', async () => (await here.system.swarm(SWARM))?.status?.rollout === 'BlueGreenRollout/second')
    await here.system.removeRollout('BlueGreenRollout', 'second')
    await here.apply(SPEC)
    await here.is('Idle')
    await here.system.applyRollout('CanaryRollout', 'lost', { swarm: 'nobody' })
    await here.system.told('lost', 'SwarmNotFound', /no Swarm nobody/)
  })

  it('stands still while spec.paused is true', async () => {
    const stable = await settledAs('good-24')
    await here.apply({ ...SPEC, paused: true })
    await here.template('good-25')
    await here.until('it waits for the spec', (r) => r.status?.conditions?.some((c) => c.reason === 'PausedBySpec') ?? false)
    expect(await here.ask('SkipStep')).to.include({ accepted: false })
    await here.hasWeights({ [stable]: 100 })
    await here.apply(SPEC)
    await here.until('it goes on', (r) => r.status?.step === '2/4 pause until promoted')
  })

  it('does not run when all agents are restarted, which comes without a new revision', async () => {
    const stable = await settledAs('good-26')
    const before = new Set((await here.system.agents(SWARM)).map((agent) => agent.metadata.uid))
    await eventually('the agents are older than this second', async () => {
      const made = (await here.system.agents(SWARM)).map((agent) => Date.parse(agent.metadata.creationTimestamp))
      return Date.now() - Math.max(...made) > 1_000
    })
    await here.template('good-26', { restartAt: new Date().toISOString() })
    await eventually('all agents are others', async () => {
      const agents = await here.system.agents(SWARM)
      return agents.length === 4 && agents.every((agent) => !before.has(agent.metadata.uid))
    })
    await here.system.settled(SWARM)
    expect(await here.agents()).to.deep.equal({ [stable]: 4 })
    expect((await here.rollout())?.status?.state).to.include({ activity: 'Idle', stableRevision: stable })
  })

  it('is paused, resumed, skipped forward and promoted when a person asks, and says what it cannot do', async () => {
    const stable = await settledAs('good-27')
    await here.apply({ ...SPEC, steps: [{ setWeight: 25 }, { pause: { duration: '1h' } }, { setWeight: 50 }, { pause: {} }] })
    await here.template('good-28')
    const { status } = await here.until('it waits for an hour', (r) => r.status?.step === '2/4 pause 1h')
    const target = status?.state?.targetRevision ?? ''
    expect(await here.ask('Resume')).to.include({ accepted: false })
    expect(await here.ask('Pause')).to.include({ accepted: true })
    const paused = await here.until('it is paused', (r) => r.status?.conditions?.some((c) => c.type === 'Paused') ?? false)
    expect(paused.status?.conditions?.find((c) => c.type === 'Paused')?.reason).to.equal('PausedByRequest')
    expect(await here.ask('Resume')).to.include({ accepted: true })
    expect(await here.ask('SkipStep', { revision: 'another' })).to.include({ accepted: false })
    expect(await here.ask('SkipStep', { revision: target })).to.include({ accepted: true })
    await here.until('it is in the last step', (r) => r.status?.step === '4/4 pause until promoted')
    await here.hasWeights({ [stable]: 50, [target]: 50 })
    expect(await here.ask('PromoteFully')).to.include({ accepted: true })
    await here.until('it is stable', (r) => r.status?.state?.stableRevision === target)
    await here.hasWeights({ [target]: 100 })
    expect(await here.ask('Abort')).to.include({ accepted: false })
    await here.apply(SPEC)
  })
})
