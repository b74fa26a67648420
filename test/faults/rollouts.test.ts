import { afterEach, describe, it } from 'mocha'
import { expect } from 'chai'
import { setTimeout as pause } from 'node:timers/promises'
import { seededRandom } from '../../dev/e2b-local/random.ts'
import type { Rollout } from '../../src/api/objects.ts'
import { useCluster } from '../support/cluster.ts'
import type { Load } from '../support/load.ts'
import { RolloutJournal } from '../support/rollout-journal.ts'
import { RolloutSystem, SWARM } from '../support/rollout-system.ts'
import { eventually } from '../support/wait.ts'

const FAST = { scaleDownDelay: '1s', abortScaleDownDelay: '1s', progressDeadline: '60s' }
const METRICS = [{ name: 'errors', errorRate: { maxPercent: 20 }, minSamples: 5, interval: '250ms', count: 2, window: '30s' }]

/** Two whole rollouts: what they are, and the weights that the new revision has one after the other. */
const WHOLE: Record<string, { kind: Rollout['kind']; spec: object; weights: readonly number[] }> = {
  'a canary': {
    kind: 'CanaryRollout',
    spec: {
      ...FAST,
      steps: [
        { setWeight: 25 },
        { pause: { duration: '200ms' } },
        { setWeight: 50 },
        { analysis: { metrics: METRICS } },
        { setWeight: 75 },
      ],
    },
    weights: [0, 25, 50, 75, 100],
  },
  'a blue-green': {
    kind: 'BlueGreenRollout',
    spec: {
      ...FAST,
      warmUp: { input: '{}', tasks: 3 },
      shift: { weights: [50, 100], interval: '300ms' },
      postPromotion: { metrics: METRICS },
    },
    weights: [0, 50, 100],
  },
}

/** Instants at which the operator is killed, this long after it leads at most, in milliseconds. */
const LONGEST_MS = 800

describe('a rollout under load, with two routers, whose operator is killed', function () {
  this.timeout(300_000)
  let here: RolloutSystem
  let journal: RolloutJournal
  let load: Load
  afterEach(async () => {
    await load.stop()
    await journal.stop()
    await here.stop()
  })

  const leads = async () => eventually('the operator leads', () => here.system.operator?.log.includes('"leading"') ?? false)

  async function begin(kind: Rollout['kind'], spec: object): Promise<void> {
    here = await RolloutSystem.start(kind, spec, { router: 2 })
    journal = RolloutJournal.start(here, (await here.rollout())?.status?.state?.stableRevision ?? '')
    load = here.system.keepAsking(SWARM)
    await eventually('the journal is open', () => journal.entries.length > 0 && journal.weights.length > 0)
  }

  /** All is as if nobody had been killed. */
  async function endsAs(weights: readonly number[]): Promise<void> {
    const { status } = await here.is('Idle')
    const { history = [], attempt, stableRevision, targetRevision } = status?.state ?? {}
    expect(history.map(({ result, revision }) => [result, revision])).to.deep.equal([['Promoted', targetRevision]])
    expect({ attempt, stableRevision }).to.deep.equal({ attempt: 1, stableRevision: targetRevision })
    await here.hasAgents({ [targetRevision ?? '']: 4 })
    await here.system.settled(SWARM)
    await here.system.isExact(SWARM)
    expect(await here.weights()).to.deep.equal({ [targetRevision ?? '']: 100 })
    await eventually('the journal is complete', () => journal.weights.at(-1) === 100)
    expect(journal.weights, 'weights in the order in which they were asked for').to.deep.equal(weights)
    expect((await load.stop()).filter((a) => a.status !== 200)).to.deep.equal([])
  }

  for (const [what, { kind, spec, weights }] of Object.entries(WHOLE)) {
    it(`at every transition of ${what}: each weight comes once, and it is promoted once`, async () => {
      await begin(kind, spec)
      let struck = 0
      await here.template('good-2')
      while (!journal.isOver) {
        const at = journal.entries.length
        await leads()
        // The signal is sent in the moment in which the change is heard of, not when the test comes to it.
        const pid = here.system.operator?.pid ?? 0
        let isStruck = false
        journal.onEntry = () => {
          if (!isStruck) process.kill(pid, 'SIGKILL')
          isStruck = true
        }
        await eventually('the next transition', () => isStruck || journal.entries.length > at || journal.isOver, {
          timeoutMs: 60_000,
          pollMs: 5,
        })
        journal.onEntry = () => undefined
        await here.system.operator?.kill()
        struck += 1
        await here.system.startOperator()
      }
      expect(struck, 'kills').to.be.at.least(weights.length)
      await endsAs(weights)
    })
  }

  for (const [what, { kind, spec, weights }] of Object.entries(WHOLE)) {
    it(`at any instant of ${what}: each weight comes once, and it is promoted once`, async () => {
      const seed = Number(process.env['SWARM_SEED'] ?? Date.now() % 1_000_000)
      const random = seededRandom(seed)
      await begin(kind, spec)
      await here.template('good-2')
      const did: number[] = []
      try {
        while (!journal.isOver) {
          await leads()
          const instantMs = Math.floor(random() * LONGEST_MS)
          did.push(instantMs)
          await pause(instantMs) // the instant is the point here: any will do
          await here.system.operator?.kill()
          await here.system.startOperator()
        }
        await endsAs(weights)
      } catch (error) {
        throw new Error(`with SWARM_SEED=${seed}, killed ${did.join(', ')} ms after it led`, { cause: error })
      }
    })
  }
})

describe('a bad revision while nobody is there to abort it', function () {
  this.timeout(180_000)
  let here: RolloutSystem
  afterEach(async () => {
    await (await useCluster()).cluster.startApiServer()
    await here.stop()
  })

  const HALF = { setWeight: 50 }

  /** Agents by revision, asked for while the API server is there. */
  const namesOf = async (revision: string) =>
    (await here.system.agents(SWARM)).filter(({ spec }) => spec.revision === revision).map(({ metadata }) => metadata.name)

  /** Brings a bad revision to half of the tasks, of which there are none yet. */
  async function half(steps: object[], more: object = {}): Promise<{ stable: string; bad: readonly string[] }> {
    here = await RolloutSystem.start('CanaryRollout', { ...FAST, ...more, steps }, { router: 2 })
    await here.template('bad-1')
    const { status } = await here.until('it has its weight', ({ status: seen }) => seen?.step?.startsWith('2/2') ?? false)
    const { stableRevision: stable = '', targetRevision: target = '' } = status?.state ?? {}
    return { stable, bad: await namesOf(target) }
  }

  type Tried = { attempts?: readonly { agent: string }[] }
  const triedOn = (answers: Load['answers'], names: readonly string[]) =>
    answers.filter(({ body }) => ((body as Tried).attempts ?? []).some(({ agent }) => names.includes(agent))).length

  /** Tasks go on, and from some moment on no task is tried on these agents. */
  async function guarded(load: Load, bad: readonly string[]): Promise<void> {
    await eventually('many tasks were done', () => load.answers.length >= 200)
    expect(triedOn(load.answers, bad), 'tasks that met the bad revision').to.be.within(1, 60)
    const from = load.answers.length
    await eventually('many more tasks were done', () => load.answers.length >= from + 300)
    expect(triedOn(load.answers.slice(from), bad), 'tasks that met the bad revision later').to.equal(0)
  }

  /** Tasks that met `mayFail` may have failed, and no others. */
  async function isWhole(stable: string, load: Load, mayFail: readonly string[] = []): Promise<void> {
    await here.hasWeights({ [stable]: 100 })
    await here.hasAgents({ [stable]: 4 })
    await here.system.isExact(SWARM)
    const failed = (await load.stop()).filter((a) => a.status !== 200)
    expect(failed.filter((answer) => triedOn([answer], mayFail) === 0)).to.deep.equal([])
  }

  it('without operator: the routers send it nothing more by themselves; the operator that comes back aborts it with their figures', async () => {
    const { stable, bad } = await half([HALF, { pause: {} }])
    await here.system.operator?.kill()
    const load = here.system.keepAsking(SWARM)
    await guarded(load, bad)
    expect((await here.rollout())?.status?.state?.activity).to.equal('Stepping')
    await here.system.startOperator()
    const { status } = await here.is('Aborted')
    expect(status?.state?.failure?.reason).to.equal('GuardTripped')
    expect(status?.state?.failure?.message).to.match(/\d+ of \d+ attempts failed, more than 10 %/)
    await here.system.told('release', 'GuardTripped', /\d+ of \d+ attempts failed/)
    await isWhole(stable, load)
  })

  it('without operator and guard: the operator that comes back aborts it by its analysis', async () => {
    const { stable, bad } = await half([HALF, { analysis: { metrics: [{ ...METRICS[0], count: 40 }] } }], {
      guard: { maxErrorPercent: 100 },
    })
    await here.system.operator?.kill()
    const load = here.system.keepAsking(SWARM)
    await eventually('many tasks were done', () => load.answers.length >= 200)
    expect(triedOn(load.answers.slice(-100), bad), 'tasks that meet the bad revision').to.be.greaterThan(0)
    await here.system.startOperator()
    const { status } = await here.is('Aborted')
    expect(status?.state?.failure?.reason).to.equal('AnalysisFailed')
    // Nobody stopped it meanwhile, and more of its tasks failed than may be tried again.
    await isWhole(stable, load, bad)
  })

  it('without API server: the routers send it nothing more by themselves, and it is aborted when that is back', async () => {
    const { stable, bad } = await half([HALF, { pause: {} }])
    const { cluster } = await useCluster()
    await cluster.stopApiServer()
    const load = here.system.keepAsking(SWARM)
    await guarded(load, bad)
    await cluster.startApiServer()
    const { status } = await here.until('it is aborted', (r) => r.status?.state?.activity === 'Aborted')
    expect(status?.state?.failure?.reason).to.equal('GuardTripped')
    await isWhole(stable, load)
  })
})

describe('a good canary under load', function () {
  this.timeout(180_000)
  let here: RolloutSystem
  afterEach(async () => {
    await (await useCluster()).cluster.startApiServer()
    await here.stop()
  })

  const STEPS = [{ setWeight: 25 }, { pause: {} }, { setWeight: 50 }, { pause: {} }]
  const isAt = (step: string) => async () => here.until(`it is at ${step}`, ({ status }) => status?.step?.startsWith(step) ?? false)
  const inFirstPause = isAt('2/4 pause')
  const inSecondPause = isAt('4/4 pause')

  it('stands still while the API server is away, and goes on when that is back', async () => {
    here = await RolloutSystem.start('CanaryRollout', { ...FAST, steps: [{ setWeight: 25 }, { pause: { duration: '1s' } }] }, { router: 2 })
    const load = here.system.keepAsking(SWARM)
    await here.template('good-2')
    await isAt('2/2 pause')()
    const { cluster } = await useCluster()
    await cluster.stopApiServer()
    const from = load.answers.length
    await eventually('tasks go on', () => load.answers.length >= from + 300)
    await cluster.startApiServer()
    const { status } = await here.until('it is promoted', (r) => r.status?.state?.history[0]?.result === 'Promoted')
    await here.hasAgents({ [status?.state?.stableRevision ?? '']: 4 })
    await here.system.isExact(SWARM)
    expect((await load.stop()).filter((a) => a.status !== 200)).to.deep.equal([])
  })

  /** A router is killed while the canary pauses; then the next weight is asked for. */
  async function withoutRouter(spec: object) {
    here = await RolloutSystem.start('CanaryRollout', { ...FAST, steps: STEPS, ...spec }, { router: 2 })
    const load = here.system.keepAsking(SWARM)
    await here.template('good-2')
    const { status } = await inFirstPause()
    const [, router] = here.system.routers
    await router?.kill()
    await here.ask('Promote')
    return { load, router, state: status?.state }
  }

  it('waits for a router that is lost, says so, and goes on when it is back', async () => {
    const { load, router } = await withoutRouter({})
    await here.until('it says so', (r) => r.status?.conditions?.some((c) => c.message.includes('waits for all routers')) ?? false)
    const from = load.answers.length
    await eventually('tasks go on', () => load.answers.length >= from + 100)
    expect((await here.rollout())?.status?.step).to.equal('3/4 setWeight 50')
    await here.system.startRouter(router)
    await inSecondPause()
    await here.ask('Promote')
    const { status } = await here.is('Idle')
    expect(status?.state?.history[0]).to.include({ result: 'Promoted' })
    expect((await load.stop()).filter((a) => a.status !== 200)).to.deep.equal([])
  })

  it('is given up at its deadline when a router stays away', async () => {
    const { load, state } = await withoutRouter({ progressDeadline: '3s' })
    const { status } = await here.is('Aborted')
    expect(status?.state?.failure).to.include({ reason: 'ProgressDeadlineExceeded', step: 3 })
    expect(status?.state?.failure?.message).to.match(/not all routers follow its weight within 3 s/)
    await here.hasWeights({ [state?.stableRevision ?? '']: 100 })
    expect((await load.stop()).filter((a) => a.status !== 200)).to.deep.equal([])
  })

  it('waits while a mass failure lasts, and goes on when it is over', async () => {
    here = await RolloutSystem.start(
      'CanaryRollout',
      { ...FAST, steps: STEPS, progressDeadline: '10s' },
      { router: 2, swarm: { replicas: 6 } },
    )
    const load = here.system.keepAsking(SWARM)
    await here.template('good-2', { replicas: 6 })
    const { status } = await inFirstPause()
    const { stableRevision: stable = '' } = status?.state ?? {}
    const struck = (await here.system.agents(SWARM)).filter(({ spec }) => spec.revision === stable).slice(0, 3)
    await Promise.all(struck.map((a) => here.system.e2b.admin.fault(a.status?.sandbox?.id ?? '', { type: 'kill' })))
    await eventually('the swarm tells', async () => {
      const { conditions } = (await here.system.swarm(SWARM))?.status ?? {}
      return conditions?.some(({ type }) => type === 'MassFailure')
    })
    await here.ask('Promote')
    const waiting = await here.until('it waits', (r) => r.status?.conditions?.some((c) => c.message.includes('a mass failure')) ?? false)
    expect(waiting.status?.step).to.equal('3/4 setWeight 50')
    await here.until('it goes on', (r) => r.status?.step?.startsWith('4/4 pause') ?? false, 90_000)
    await here.ask('Promote')
    await here.is('Idle')
    expect((await load.stop()).filter((a) => a.status !== 200)).to.deep.equal([])
  })
})

describe('a new revision that breaks under load', function () {
  this.timeout(180_000)
  let here: RolloutSystem
  afterEach(async () => here.stop())

  type Broken = {
    mode: string
    kind: Rollout['kind']
    spec: object
    template?: Record<string, unknown>
    reason: RegExp
    isOwnShareLost?: boolean
  }
  const CANARY = { steps: [{ setWeight: 50 }, { pause: {} }] }
  const cases: Record<string, Broken> = {
    'hangs with its first task: the routers see it by their probes and try again': {
      mode: 'stuck',
      kind: 'CanaryRollout',
      spec: { ...CANARY, guard: { minSamples: 2 }, progressDeadline: '5s' },
      reason: /GuardTripped|ProgressDeadlineExceeded/,
    },
    'takes tasks and never answers, though it says that it is well': {
      mode: 'mute',
      kind: 'CanaryRollout',
      spec: { ...CANARY, guard: { minSamples: 4 } },
      template: { routing: { timeout: '1s' } },
      reason: /GuardTripped/,
      isOwnShareLost: true,
    },
    'ends with its first task': {
      mode: 'crash',
      kind: 'CanaryRollout',
      spec: { ...CANARY, guard: { minSamples: 4 }, progressDeadline: '5s' },
      reason: /GuardTripped|ProgressDeadlineExceeded/,
    },
    'ends a while after each start': {
      mode: 'fade',
      kind: 'CanaryRollout',
      spec: { ...CANARY, progressDeadline: '3s' },
      reason: /GuardTripped|ProgressDeadlineExceeded/,
    },
    'ends a while after each start, all of it at once': {
      mode: 'fade',
      kind: 'BlueGreenRollout',
      spec: { shift: { weights: [50, 100], interval: '30s' }, progressDeadline: '3s' },
      reason: /GuardTripped|ProgressDeadlineExceeded/,
    },
  }
  for (const [what, { mode, kind, spec, template = {}, reason, isOwnShareLost }] of Object.entries(cases)) {
    it(`${what}: ${kind} goes back, and stable is whole`, async () => {
      here = await RolloutSystem.start(kind, { ...FAST, ...spec }, { router: 2, swarm: template })
      const stable = (await here.rollout())?.status?.state?.stableRevision ?? ''
      const load = here.system.keepAsking(SWARM)
      await here.template(mode, template)
      const { status } = await here.is('Aborted')
      const { failure, targetRevision } = status?.state ?? {}
      expect(failure?.reason).to.match(reason)
      await here.hasWeights({ [stable]: 100 })
      const from = load.answers.length
      await eventually('tasks go on', () => load.answers.length >= from + 100)
      const swarm = await here.system.swarm(SWARM)
      expect(swarm?.status?.rejectedRevision).to.equal(targetRevision)
      const failed = (await load.stop()).filter((a) => a.status !== 200)
      if (isOwnShareLost) expect(failed.every(({ status: code }) => code === 504)).to.equal(true)
      else expect(failed).to.deep.equal([])
    })
  }
})
