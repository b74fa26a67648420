import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { after, afterEach, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { ensureControlPlaneBinaries, kubectlOf } from '../../../dev/cluster/binaries.ts'
import { CONFIG_MAPS, type KubeObject, type ResourceKind } from '../../../src/kube/objects.ts'
import type { Load } from '../../support/load.ts'
import { RolloutSystem, SWARM } from '../../support/rollout-system.ts'
import { readyAgents } from '../../support/system-objects.ts'
import { hasPassed, isSummedUp, TEAM_AGENT } from '../../support/team-agent.ts'
import { eventually } from '../../support/wait.ts'

const COMMON = { scaleDownDelay: '0s', abortScaleDownDelay: '1s', progressDeadline: '30s' }
const HALF = { ...COMMON, steps: [{ setWeight: 50 }, { pause: {} }] }
const QUARTER = { ...COMMON, steps: [{ setWeight: 25 }, { pause: {} }, { setWeight: 50 }, { pause: {} }] }

const failedOf = (answers: Load['answers']) => answers.filter(({ status }) => status !== 200)

/** Failed tasks beside those that only agents of a bad revision were tried for: they alone answer 500. */
const failedBesides = (answers: Load['answers']) => failedOf(answers).filter(({ body }) => body['code'] !== 'AgentFailed')

const pausedIn = async (here: RolloutSystem, step: string) =>
  here.until(`it waits in step ${step}`, ({ status }) => status?.step?.startsWith(`${step} pause`) ?? false)

/** What the swarm says by a condition of this type. */
async function swarmTells(here: RolloutSystem, type: string, reason: string): Promise<string> {
  return eventually(`the swarm tells ${type} ${reason}`, async () => {
    const { conditions } = (await here.system.swarm(SWARM))?.status ?? {}
    const found = conditions?.find((c) => c.type === type && c.reason === reason)
    if (found) return found.message
    throw new Error(JSON.stringify(conditions))
  })
}

describe('situations of a canary', function () {
  this.timeout(120_000)
  let here: RolloutSystem
  let load: Load | undefined
  before(async () => (here = await RolloutSystem.start('CanaryRollout', HALF)))
  afterEach(async () => {
    await load?.stop()
    load = undefined
  })
  after(async () => here.stop())

  it('bad → bad: each one is given up, and stable stays the same', async () => {
    const stable = await here.settledAs('good-1')
    load = here.system.keepAsking(SWARM)
    const given: string[] = []
    for (const mode of ['bad-1', 'bad-2']) {
      await here.template(mode)
      const { status } = await here.is('Aborted')
      given.push(status?.state?.rejectedRevision ?? '')
      expect(status?.state).to.include({ stableRevision: stable, targetRevision: given.at(-1) })
    }
    const { history = [] } = (await here.rollout())?.status?.state ?? {}
    expect(history.map(({ result, revision }) => [result, revision])).to.deep.equal(given.toReversed().map((one) => ['Aborted', one]))
    await here.hasAgents({ [stable]: 4 })
    expect(failedBesides(await load.stop())).to.deep.equal([])
  })

  it('bad → good: the steps begin for the good one, from weight 0', async () => {
    const stable = await here.settledAs('good-2')
    load = here.system.keepAsking(SWARM)
    await here.template('bad-3')
    await here.is('Aborted')
    await here.template('good-3')
    const { status } = await pausedIn(here, '2/2')
    expect(status?.state).to.include({ stableRevision: stable, weight: 50 })
    await here.ask('Promote')
    await here.is('Idle')
    expect(failedBesides(await load.stop())).to.deep.equal([])
  })

  it('good → bad → good: the good one is stable already, so that nothing is rolled out and nothing stays rejected', async () => {
    const stable = await here.settledAs('good-4')
    load = here.system.keepAsking(SWARM)
    await here.template('bad-4')
    const { status: before } = await here.is('Aborted')
    await here.template('good-4')
    const { status } = await here.is('Idle')
    expect(status?.state?.attempt).to.equal(before?.state?.attempt)
    expect(status?.state?.history).to.deep.equal(before?.state?.history)
    await here.hasWeights({ [stable]: 100 })
    await here.hasAgents({ [stable]: 4 })
    const swarm = await here.system.settled(SWARM)
    expect(swarm.status?.rejectedRevision).to.equal(undefined)
    expect(failedBesides(await load.stop())).to.deep.equal([])
  })

  it('a pause with a duration longer than the progress deadline is no failure', async () => {
    await here.settledAs('good-5')
    await here.apply({ ...COMMON, progressDeadline: '4s', steps: [{ setWeight: 25 }, { pause: { duration: '6s' } }] })
    await here.template('good-6')
    const { status } = await here.is('Idle')
    expect(status?.state?.history[0]).to.include({ result: 'Promoted', reason: 'Promoted' })
    await here.apply(HALF)
  })

  it('back to a revision within rollbackWindow is one step, further back are the steps', async () => {
    await here.apply({ ...HALF, rollbackWindow: 1 })
    const oldest = await here.settledAs('good-7')
    const middle = await here.settledAs('good-8')
    await here.settledAs('good-9')
    await here.template('good-8')
    const back = await here.is('Idle')
    expect(back.status?.state?.history[0]).to.include({ result: 'Promoted', revision: middle, step: 1 })
    await here.template('good-7')
    const { status } = await pausedIn(here, '2/2')
    expect(status?.state).to.include({ stableRevision: middle, targetRevision: oldest, activity: 'Stepping' })
    await here.apply(HALF)
  })

  it('dynamicStableScale: stable shrinks while the canary grows, and is whole again before it has all tasks back', async () => {
    const stable = await here.settledAs('good-10')
    await here.apply({ ...HALF, dynamicStableScale: true })
    load = here.system.keepAsking(SWARM)
    await here.template('good-11')
    const { status } = await pausedIn(here, '2/2')
    const target = status?.state?.targetRevision ?? ''
    await here.hasAgents({ [stable]: 2, [target]: 2 })
    await here.ask('Abort')
    await here.is('Aborted')
    const whole = readyAgents(await here.system.agents(SWARM)).filter(({ spec }) => spec.revision === stable)
    expect(whole.filter(({ spec }) => spec.state === 'Running')).to.have.length(4)
    await here.hasWeights({ [stable]: 100 })
    await here.ask('Retry')
    await pausedIn(here, '2/2')
    await here.hasAgents({ [stable]: 2, [target]: 2 })
    await here.ask('Promote')
    await here.is('Idle')
    await here.hasAgents({ [target]: 4 })
    expect(failedOf(await load.stop())).to.deep.equal([])
    await here.apply(HALF)
  })

  it('a swarm without agents: it waits, says so, and goes on when there are some', async () => {
    const stable = await here.settledAs('good-12')
    await here.template('good-13', { replicas: 0 })
    const { status } = await here.until('it says so', (r) => r.status?.conditions?.some((c) => c.reason === 'SwarmHasNoAgents') ?? false)
    await here.hasAgents({})
    await here.system.scale(SWARM, 4)
    await pausedIn(here, '2/2')
    await here.hasAgents({ [stable]: 4, [status?.state?.targetRevision ?? '']: 2 })
  })

  it('an invalid spec is refused by the API server and changes nothing; the repaired one goes on', async () => {
    await here.settledAs('good-14')
    await here.template('good-15')
    const { status: before } = await pausedIn(here, '2/2')
    const refused = await here.apply({ ...HALF, steps: [{ setWeight: 50 }, { setWeight: 60, pause: {} }] }).then(
      () => '',
      (error: unknown) => String(error),
    )
    expect(refused).to.match(/a step is exactly one of setWeight, setReplicas, setMirror, pause and analysis/)
    expect((await here.rollout())?.status?.state).to.deep.equal(before?.state)
    await here.apply({ ...HALF, steps: [...HALF.steps, { setWeight: 75 }, { pause: {} }] })
    await pausedIn(here, '2/4')
    await here.ask('Promote')
    const { status } = await pausedIn(here, '4/4')
    expect(status?.state).to.include({ weight: 75, attempt: before?.state?.attempt })
    await here.apply(HALF)
  })

  it('a person who may only patch its status can ask, and cannot change its spec', async () => {
    await here.settledAs('good-16')
    await here.template('good-17')
    await pausedIn(here, '2/2')
    await mayPatchStatus(here, 'jane')
    const request = { id: 'by-jane', action: 'Promote', by: 'jane' }
    const asked = await kubectlAs(here, 'jane', '--subresource=status', `--patch=${JSON.stringify({ status: { request } })}`)
    expect(asked.complaint).to.equal('')
    await here.is('Idle')
    expect((await here.rollout())?.status?.state?.answer).to.include({ id: 'by-jane', accepted: true })
    const changed = await kubectlAs(here, 'jane', `--patch=${JSON.stringify({ spec: { paused: true } })}`)
    expect(changed.complaint).to.match(/Forbidden|forbidden/)
    expect((await here.rollout())?.spec.paused).to.equal(false)
  })
})

const rbac = (plural: string, kind: string): ResourceKind<KubeObject> => ({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  plural,
  kind,
  namespaced: true,
})

/** Allows what docs/operations.md tells for people who promote and abort. */
async function mayPatchStatus({ system }: RolloutSystem, user: string): Promise<void> {
  const { client, namespace } = system
  const apiGroup = 'rbac.authorization.k8s.io'
  const metadata = { name: 'release-managers', namespace }
  const rules = [
    { apiGroups: ['swarmops.dev'], resources: ['canaryrollouts'], verbs: ['get'] },
    { apiGroups: ['swarmops.dev'], resources: ['canaryrollouts/status'], verbs: ['get', 'patch'] },
  ]
  await client.create(rbac('roles', 'Role'), { metadata, rules })
  const roleRef = { apiGroup, kind: 'Role', name: metadata.name }
  await client.create(rbac('rolebindings', 'RoleBinding'), { metadata, roleRef, subjects: [{ apiGroup, kind: 'User', name: user }] })
}

async function kubectlAs({ system, name }: RolloutSystem, user: string, ...args: string[]): Promise<{ complaint: string }> {
  const kubectl = kubectlOf(await ensureControlPlaneBinaries(undefined, false)) ?? 'kubectl'
  const common = [`--kubeconfig=${system.kubeconfig}`, `--namespace=${system.namespace}`, `--as=${user}`]
  return promisify(execFile)(kubectl, [...common, 'patch', 'canaryrollout', name, '--type=merge', ...args]).then(
    () => ({ complaint: '' }),
    (error: unknown) => ({ complaint: String(error) }),
  )
}

describe('situations of a blue-green', function () {
  this.timeout(120_000)
  let here: RolloutSystem
  const SPEC = { ...COMMON, approval: 'Manual', shift: { weights: [50, 100], interval: '200ms' } }
  afterEach(async () => here.stop())

  it('scaled while it waits for approval: blue and green follow, and it goes on with the new number', async () => {
    here = await RolloutSystem.start('BlueGreenRollout', SPEC)
    const blue = await here.settledAs('good-1')
    const load = here.system.keepAsking(SWARM)
    await here.template('good-2')
    const { status } = await pausedIn(here, '2/5')
    const green = status?.state?.targetRevision ?? ''
    for (const replicas of [6, 3]) {
      await here.system.scale(SWARM, replicas)
      await here.hasAgents({ [blue]: replicas, [green]: replicas })
    }
    await here.ask('Promote')
    await here.is('Idle')
    await here.hasAgents({ [green]: 3 })
    expect(failedOf(await load.stop())).to.deep.equal([])
  })

  it('without room in the budget for green: told in conditions, and given up at the deadline', async () => {
    here = await RolloutSystem.start('BlueGreenRollout', { ...SPEC, progressDeadline: '3s' }, { swarm: { budget: { maxAgents: 4 } } })
    const { status: before } = await here.is('Idle')
    const blue = before?.state?.stableRevision ?? ''
    await here.template('good-2', { budget: { maxAgents: 4 } })
    expect(await swarmTells(here, 'BudgetExceeded', 'BudgetExceeded')).to.match(
      /4 agents held back by spec.budget.maxAgents \(4 of 4 used\)/,
    )
    const { status } = await here.is('Aborted')
    expect(status?.state?.failure).to.include({ reason: 'ProgressDeadlineExceeded', step: 1 })
    await here.hasAgents({ [blue]: 4 })
    await here.hasWeights({ [blue]: 100 })
  })

  it('follows a canary that is deleted in its middle: back to stable, then its own steps; and at rest nothing happens', async () => {
    here = await RolloutSystem.start('CanaryRollout', QUARTER)
    const stable = await here.settledAs('good-1')
    const load = here.system.keepAsking(SWARM)
    await here.template('good-2')
    const { status } = await pausedIn(here, '2/4')
    const target = status?.state?.targetRevision ?? ''
    await here.system.applyRollout('BlueGreenRollout', 'second', { swarm: SWARM, ...SPEC })
    await here.system.removeRollout('CanaryRollout', here.name)
    const second = async () => (await here.system.rollout('BlueGreenRollout', 'second'))?.status
    await eventually('the blue-green waits for approval', async () => {
      const seen = await second()
      if (seen?.step?.startsWith('2/5 pause')) return true
      throw new Error(JSON.stringify(seen))
    })
    await here.hasWeights({ [stable]: 100 })
    await here.hasAgents({ [stable]: 4, [target]: 4 })
    await here.system.request('BlueGreenRollout', 'second', 'Promote')
    await eventually('green is stable', async () => (await second())?.state?.stableRevision === target)
    await here.hasAgents({ [target]: 4 })
    await here.apply(QUARTER)
    await here.system.removeRollout('BlueGreenRollout', 'second')
    const moved = await here.until('the canary has taken over', (r) => r.status?.state?.stableRevision === target)
    expect(moved.status?.state).to.include({ activity: 'Idle', attempt: 0 })
    await here.system.settled(SWARM)
    await here.hasAgents({ [target]: 4 })
    expect(failedOf(await load.stop())).to.deep.equal([])
  })
})

describe('a canary of a swarm', function () {
  this.timeout(120_000)
  let here: RolloutSystem
  afterEach(async () => here.stop())

  const STEPS = [{ setWeight: 50 }, { pause: { duration: '500ms' } }]
  const LED = [
    { name: 'lead', role: 'Coordinator', replicas: 2 },
    { name: 'work', role: 'Worker', replicas: 3 },
  ]
  const STAGES = ['clean', 'score', 'judge']
  const swarms: Record<
    string,
    { swarm: Record<string, unknown>; program?: string; agents: number; isRight?: (body: Load['answers'][number]['body']) => boolean }
  > = {
    'with groups whose templates differ': {
      swarm: {
        groups: [
          { name: 'a', replicas: 1, template: { maxConcurrentTasks: 2 } },
          { name: 'b', replicas: 4 },
        ],
      },
      agents: 5,
    },
    'that is Hierarchical': {
      swarm: { groups: LED, topology: { type: 'Hierarchical' } },
      program: TEAM_AGENT,
      agents: 5,
      isRight: isSummedUp,
    },
    'that is a Ring without groups': {
      swarm: { replicas: 3, topology: { type: 'Ring' } },
      agents: 3,
    },
    'that is a Ring of groups': {
      swarm: { groups: STAGES.map((name) => ({ name, replicas: 2 })), topology: { type: 'Ring' } },
      program: TEAM_AGENT,
      agents: 6,
      isRight: hasPassed(STAGES),
    },
  }
  for (const [what, { swarm, program, agents, isRight = () => true }] of Object.entries(swarms)) {
    it(`${what} costs no task on its way to all agents`, async () => {
      const spec = { replicas: undefined, ...swarm }
      here = await RolloutSystem.start(
        'CanaryRollout',
        { ...COMMON, steps: STEPS },
        { swarm: spec, ...(program !== undefined && { program }) },
      )
      const load = here.system.keepAsking(SWARM, 4, {})
      await eventually('tasks are done', () => load.answers.length > 50)
      await here.template('good-2', spec)
      const { status } = await here.is('Idle')
      expect(status?.state?.history[0]).to.include({ result: 'Promoted' })
      await here.hasAgents({ [status?.state?.stableRevision ?? '']: agents })
      const from = load.answers.length
      await eventually('tasks go on', () => load.answers.length >= from + 50)
      expect((await load.stop()).filter((a) => a.status !== 200 || !isRight(a.body)).slice(0, 3)).to.deep.equal([])
    })
  }

  it('whose ConfigMap vanishes in mid-canary still goes back from a bad revision; the swarm tells what is missing', async () => {
    const TEMPLATE = { configUpdates: 'Rollout' }
    here = await RolloutSystem.start('CanaryRollout', HALF, { swarm: { template: TEMPLATE } })
    await here.system.configMap('settings', { mode: 'bad-1' })
    const stable = (await here.is('Idle')).status?.state?.stableRevision ?? ''
    const env = [{ name: 'MODE', valueFrom: { configMapKeyRef: { name: 'settings', key: 'mode' } } }]
    await here.template('', { template: { ...TEMPLATE, env } })
    const { status: before } = await pausedIn(here, '2/2')
    await here.system.client.delete(CONFIG_MAPS, { name: 'settings', namespace: here.system.namespace })
    expect(await swarmTells(here, 'Ready', 'ConfigMapMissing')).to.match(/settings does not exist.*create it/)
    const load = here.system.keepAsking(SWARM)
    const { status } = await here.until('it is aborted', (r) => r.status?.state?.activity === 'Aborted')
    expect(status?.state?.failure?.reason).to.equal('GuardTripped')
    expect(status?.state?.rejectedRevision).to.equal(before?.state?.targetRevision)
    await here.hasWeights({ [stable]: 100 })
    await here.hasAgents({ [stable]: 4 })
    await swarmTells(here, 'Ready', 'ConfigMapMissing')
    await here.system.configMap('settings', { mode: 'good-2' })
    await pausedIn(here, '2/2')
    await swarmTells(here, 'Ready', 'AgentsReady')
    expect(failedBesides(await load.stop())).to.deep.equal([])
  })
})
