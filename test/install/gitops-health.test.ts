import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { KINDS } from '../../src/api/kinds.ts'
import type { Agent, Rollout, Swarm } from '../../src/api/objects.ts'
import { Informer } from '../../src/kube/informer.ts'
import { NAMESPACES, type KubeObject, type ResourceKind } from '../../src/kube/objects.ts'
import { createLog } from '../../src/log.ts'
import { AGENTS, BLUE_GREEN_ROLLOUTS, CANARY_ROLLOUTS, SCALING_POLICIES, SWARMS } from '../../src/reconcilers/shared/kinds.ts'
import { customizations, GitOpsReader } from '../support/gitops.ts'
import { kstatus } from '../support/kstatus.ts'
import { System } from '../support/system.ts'
import { ROLLOUT_KINDS } from '../support/system-objects.ts'
import { TestSource } from '../support/test-source.ts'
import { eventually } from '../support/wait.ts'

const EVERY_KIND: readonly ResourceKind[] = [SWARMS, AGENTS, CANARY_ROLLOUTS, BLUE_GREEN_ROLLOUTS, SCALING_POLICIES]
/** An object with conditions; Agents have figures with words of their own. */
type Shown = KubeObject & {
  status?: { conditions?: readonly { type: string; status: string; reason: string; message: string }[]; health?: object }
}
const mode = (value: string, more: object = {}) => ({ template: { env: [{ name: 'MODE', value }], ...more } })

/** All that may be said of an object: what its conditions say, and an Agent's figures, word for word; and what it is before and after that. */
function wordsOf({ status: { conditions = [], health = {} } = {} }: Shown): string[] {
  const figures = 'reason' in health && 'message' in health ? [health] : []
  const said = [...conditions, ...figures].map(({ reason, message }) => `${String(reason)}: ${String(message)}`)
  return [...said, 'the operator has not looked at this generation yet', 'Pending deletion']
}

describe('what Argo CD and Flux make of our objects', function () {
  this.timeout(180_000)
  let system: System
  let reader: GitOpsReader
  /** Every version of every object that the API server had, as long as the suite ran. */
  const gallery: Shown[] = []
  const informers: { start(): void; stop(): Promise<void> }[] = []
  before(async () => {
    reader = await GitOpsReader.start()
    system = await System.start({ router: true })
    await system.useAgentProgram('agent', `if (process.env.MODE === 'bad') return answer(response, 500, {})`)
    const { client, namespace } = system
    const log = createLog({ level: 'error', shape: 'text' })
    for (const kind of EVERY_KIND) {
      const informer = new Informer<Shown>({ client, kind, namespaces: [namespace], log })
      informer.onChange((type, object) => type !== 'deleted' && gallery.push(object))
      informer.start()
      informers.push(informer)
    }
  })
  after(async () => {
    await Promise.all(informers.map(async (informer) => informer.stop()))
    await reader.stop()
    await system.stop()
  })

  const get = async <T extends KubeObject>(kind: ResourceKind<T>, name: string) => {
    const object = await system.client.get<T>(kind, { namespace: system.namespace, name })
    if (!object) throw new Error(`there is no ${kind.kind} ${name}`)
    return object
  }

  /** Waits until Argo CD shows this of an object, in exactly these words. */
  async function shows<T extends KubeObject>(
    kind: ResourceKind<T>,
    name: string,
    want: { status: string; message: string; kstatus: string },
  ): Promise<T> {
    return eventually(
      `${kind.kind} ${name} is ${want.status}: ${want.message}`,
      async () => {
        const object = await get(kind, name)
        const { health, kstatus: told } = await reader.read(object)
        const seen = { ...health, kstatus: told }
        if (seen.status === want.status && seen.message === want.message && seen.kstatus === want.kstatus) return object
        throw new Error(JSON.stringify(seen))
      },
      { timeoutMs: 60_000 },
    )
  }
  /** The same where the words have figures of the moment: they are those of the condition of that very version, and no others. */
  async function says<T extends Shown>(
    kind: ResourceKind<T>,
    name: string,
    want: { status: string; kstatus?: string; by: string | RegExp; words: RegExp },
  ): Promise<void> {
    await eventually(
      `${kind.kind} ${name} is ${want.status} by ${want.by}`,
      async () => {
        const object = await get<T>(kind, name)
        const { health, kstatus: told } = await reader.read(object)
        const said =
          object.status?.conditions?.filter(({ type }) => (typeof want.by === 'string' ? type === want.by : want.by.test(type))) ?? []
        const isSaid = said.some(({ reason, message }) => health?.message === `${reason}: ${message}`)
        const isWanted = health?.status === want.status && told === (want.kstatus ?? told) && want.words.test(health.message ?? '')
        if (isSaid && isWanted) return true
        throw new Error(JSON.stringify({ health, told, conditions: object.status?.conditions }))
      },
      { timeoutMs: 60_000 },
    )
  }
  const healthy = (message: string) => ({ status: 'Healthy', message, kstatus: 'Current' })
  const progressing = (message: string) => ({ status: 'Progressing', message, kstatus: 'InProgress' })
  const suspended = (message: string) => ({ status: 'Suspended', message, kstatus: 'InProgress' })
  const degraded = (message: string) => ({ status: 'Degraded', message, kstatus: 'Failed' })
  const agentOf = async (swarm: string, is: (agent: Agent) => boolean = () => true) =>
    eventually(`${swarm} has such an agent`, async () => (await system.agents(swarm)).find(is)?.metadata.name)

  it('there is a check for every kind, and nothing else is asked of argocd-cm', async () => {
    const health = KINDS.map(({ kind }) => `resource.customizations.health.swarmops.dev_${kind}`)
    const actions = ['Swarm', 'CanaryRollout', 'BlueGreenRollout'].map((kind) => `resource.customizations.actions.swarmops.dev_${kind}`)
    expect(Object.keys(await customizations()).sort()).to.deep.equal([...health, ...actions].sort())
  })

  it('what no operator has looked at is on its way', async () => {
    const namespace = `t-${randomBytes(4).toString('hex')}` // not one of this operator's
    const { client } = system
    await client.create(NAMESPACES, { metadata: { name: namespace } })
    const template = { sandboxTemplate: 'base', command: ['node', 'agent.mjs'] }
    const metrics = [{ name: 'load', type: 'InFlightPerAgent', target: { value: 1 } }]
    const specs: Record<string, object> = {
      Swarm: { template },
      Agent: { swarm: 'desk', revision: 'abc123', nonce: 'nonce-of-the-agent' },
      CanaryRollout: { swarm: 'desk' },
      BlueGreenRollout: { swarm: 'desk' },
      ScalingPolicy: { target: { swarm: 'desk' }, maxReplicas: 2, metrics },
    }
    for (const kind of EVERY_KIND) {
      const made = await client.create(kind, { metadata: { namespace, name: 'desk' }, spec: specs[kind.kind] })
      expect(await reader.read(made), kind.kind).to.deep.equal({
        kstatus: 'InProgress',
        health: { status: 'Progressing', message: 'the operator has not looked at this generation yet' },
      })
    }
  })

  describe('a rollout', () => {
    const steps = [
      { setWeight: 50 },
      { pause: {} },
      { analysis: { metrics: [{ name: 'errors', errorRate: { maxPercent: 10 }, noDataTimeout: '1s', interval: '250ms' }] } },
    ]
    const NAME = 'release'
    const rollout = async () => get<Rollout>(ROLLOUT_KINDS.CanaryRollout, NAME)
    const template = async (value: string) => system.apply('desk', { replicas: 2, ...mode(value) })
    const shown = async (want: Parameters<typeof shows>[2]) => shows(CANARY_ROLLOUTS, NAME, want)

    /** Does what the button of Argo CD does: patches what the action changes. */
    async function click(action: string): Promise<void> {
      const object = await rollout()
      const acted = await reader.act(object, action)
      const { request, ...status } = acted.status ?? {}
      expect({ ...acted, status }, 'it changes the request and nothing else').to.deep.equal(object)
      await system.client.mergePatch(CANARY_ROLLOUTS, object.metadata, { status: { request } }, { subresource: 'status' })
      const { state } =
        (await eventually(`${action} is answered`, async () => {
          const { status: told } = await rollout()
          return told?.state?.answer?.id === request?.id ? told : undefined
        })) ?? {}
      expect(state?.answer?.accepted, state?.answer?.message).to.equal(true)
    }
    const offered = async () => reader.actions(await rollout())
    const stateOf = async () => (await rollout()).status?.state

    it('is Progressing without a Swarm, and Healthy while there is nothing to roll out', async () => {
      await system.applyRollout('CanaryRollout', NAME, {
        swarm: 'desk',
        steps,
        scaleDownDelay: '0s',
        abortScaleDownDelay: '0s',
        onInconclusive: 'Pause',
      })
      await shown(progressing('SwarmNotFound: there is no Swarm desk in this namespace; apply it, or correct spec.swarm'))
      await template('good-1')
      await shows(SWARMS, 'desk', healthy('AgentsReady: 2 of 2 agents are ready'))
      await shows(AGENTS, await agentOf('desk'), healthy('AgentReady: takes tasks'))
      const stable = (await system.swarm('desk'))?.status?.currentRevision
      await shown(healthy(`NothingToRollOut: revision ${stable} is stable`))
      expect(await offered()).to.deep.equal([])
    })

    it('is Suspended while it waits for a person, and so is its Swarm', async () => {
      await template('good-2')
      await eventually('it waits', async () => (await stateOf())?.step === 1)
      const target = (await stateOf())?.targetRevision
      const where = `revision ${target} has 50 % of the tasks, 2/3 pause until promoted`
      const waits = `PauseStep: ${where}: ask for Promote to go on, or Abort`
      await shown(suspended(waits))
      await shows(SWARMS, 'desk', suspended(waits.replace(': ', ': CanaryRollout/release: ')))
      expect(await offered()).to.deep.equal(['abort', 'pause', 'promote', 'promote-full', 'skip-current-step'])
      await click('pause')
      await shown(suspended(`PausedByRequest: ${where}: paused by Argo CD; ask for Resume, PromoteFully or Abort`))
      expect(await offered()).to.deep.equal(['abort', 'promote', 'promote-full', 'resume', 'skip-current-step'])
      await click('resume')
      await shown(suspended(waits))
      await system.applyRollout('CanaryRollout', NAME, {
        swarm: 'desk',
        steps,
        scaleDownDelay: '0s',
        abortScaleDownDelay: '0s',
        paused: true,
      })
      await shown(suspended(`PausedBySpec: ${where}: spec.paused is true; set it to false to go on`))
      expect(await offered()).to.deep.equal(['abort', 'pause'])
      await system.applyRollout('CanaryRollout', NAME, {
        swarm: 'desk',
        steps,
        scaleDownDelay: '0s',
        abortScaleDownDelay: '0s',
        paused: false,
      })
      await shown(suspended(waits))
    })

    it('is Progressing while it goes on, and Suspended where an analysis cannot tell', async () => {
      await click('promote')
      const target = (await stateOf())?.targetRevision
      const where = `revision ${target} has 50 % of the tasks, 3/3 analysis`
      await shows(
        CANARY_ROLLOUTS,
        NAME,
        suspended(
          `AnalysisInconclusive: ${where}: errors: no data for 1s; last: 0 attempts of the new revision, 20 are needed; ask for Resume, PromoteFully or Abort`,
        ),
      )
      await click('promote-full')
      await shown(healthy(`NothingToRollOut: revision ${target} is stable`))
      await shows(SWARMS, 'desk', healthy('AgentsReady: 2 of 2 agents are ready'))
    })

    it('is Degraded with the reason when a revision is given up, and so is its Swarm, until somebody retries', async () => {
      const stable = (await stateOf())?.stableRevision
      await template('bad')
      await eventually('it waits', async () => (await stateOf())?.step === 1)
      const target = (await stateOf())?.targetRevision
      await click('abort')
      const gaveUp = `AbortedByRequest: revision ${target} was given up: aborted by Argo CD; ${stable} has all tasks. Change spec.template of the Swarm, or ask for Retry`
      await shown(degraded(gaveUp))
      const rejected = `RevisionRejected: revision ${target} of the template was given up by a rollout and is not tried again; change spec.template, or ask CanaryRollout/release for Retry`
      await shows(SWARMS, 'desk', { ...degraded(rejected), kstatus: 'Current' })
      expect(await offered()).to.deep.equal(['retry'])
      await click('retry')
      await shown(
        suspended(`PauseStep: revision ${target} has 50 % of the tasks, 2/3 pause until promoted: ask for Promote to go on, or Abort`),
      )
      await click('skip-current-step')
      const load = system.keepAsking('desk', 2)
      const { message } = await eventually('it is given up', async () => (await stateOf())?.failure)
      await load.stop()
      await shown(
        degraded(
          `GuardTripped: revision ${target} was given up: ${message}; ${stable} has all tasks. Change spec.template of the Swarm, or ask for Retry`,
        ),
      )
    })

    it('of the other kind is Degraded while an older one is followed, and Healthy after it', async () => {
      await template('good-2')
      const stable = (await stateOf())?.stableRevision
      await shown(healthy(`NothingToRollOut: revision ${stable} is stable`))
      await system.applyRollout('BlueGreenRollout', 'later', { swarm: 'desk' })
      await shows(
        BLUE_GREEN_ROLLOUTS,
        'later',
        degraded(
          'AnotherRollout: Swarm desk follows CanaryRollout/release, which is older; a Swarm has one rollout: delete one of the two',
        ),
      )
      await system.removeRollout('CanaryRollout', NAME)
      await shows(BLUE_GREEN_ROLLOUTS, 'later', healthy(`NothingToRollOut: revision ${stable} is stable`))
    })

    it('of the other kind is Suspended while it waits for approval, and without agents there is nobody to try it out with', async () => {
      const spec = { swarm: 'desk', approval: 'Manual', shift: { weights: [50, 100], interval: '1s' }, scaleDownDelay: '0s' }
      await system.applyRollout('BlueGreenRollout', 'later', spec)
      await template('good-3')
      const approval = async () =>
        eventually('it waits for approval', async () => {
          const { state, step } = (await get(BLUE_GREEN_ROLLOUTS, 'later')).status ?? {}
          return state?.activity === 'Stepping' && step?.includes('pause') ? { step, target: state.targetRevision } : undefined
        })
      const { step, target } = await approval()
      const where = `revision ${target} has 0 % of the tasks`
      await shows(BLUE_GREEN_ROLLOUTS, 'later', suspended(`PauseStep: ${where}, ${step}: ask for Promote to go on, or Abort`))
      await system.scale('desk', 0)
      await system.request('BlueGreenRollout', 'later', 'Promote')
      const nobody = 'the Swarm has no agents; it goes on when it is scaled up'
      await says(BLUE_GREEN_ROLLOUTS, 'later', {
        status: 'Progressing',
        kstatus: 'InProgress',
        by: 'Reconciling',
        words: new RegExp(`^SwarmHasNoAgents: .*: ${nobody}$`),
      })
      await system.scale('desk', 2)
      await shows(BLUE_GREEN_ROLLOUTS, 'later', healthy(`NothingToRollOut: revision ${target} is stable`))
    })

    it('is Degraded after its deadline, when agents of a revision never get ready', async () => {
      const stable = (await get(BLUE_GREEN_ROLLOUTS, 'later')).status?.state?.stableRevision
      await system.applyRollout('BlueGreenRollout', 'later', { swarm: 'desk', progressDeadline: '2s', abortScaleDownDelay: '0s' })
      await system.apply('desk', { replicas: 2, ...mode('never', { command: ['sleep', '1000'] }) })
      const { failure, targetRevision } = await eventually('it is given up', async () => {
        const { state } = (await get(BLUE_GREEN_ROLLOUTS, 'later')).status ?? {}
        return state?.activity === 'Aborted' ? state : undefined
      })
      const words = `revision ${targetRevision} was given up: ${failure?.message}; ${stable} has all tasks. Change spec.template of the Swarm, or ask for Retry`
      await shows(BLUE_GREEN_ROLLOUTS, 'later', degraded(`ProgressDeadlineExceeded: ${words}`))
      await template('good-3')
      await shows(BLUE_GREEN_ROLLOUTS, 'later', healthy(`NothingToRollOut: revision ${stable} is stable`))
    })

    it('a Swarm offers a restart, which makes other agents of the same revision', async () => {
      const swarm = await get<Swarm>(SWARMS, 'desk')
      expect(await reader.actions(swarm)).to.deep.equal(['restart'])
      const { restartAt, ...spec } = (await reader.act(swarm, 'restart')).spec
      expect(spec).to.deep.equal(swarm.spec)
      const before = (await system.agents('desk')).map(({ metadata }) => metadata.name)
      await system.client.mergePatch(SWARMS, swarm.metadata, { spec: { restartAt } })
      await eventually(
        'all agents are other ones',
        async () => {
          const agents = (await system.agents('desk')).map(({ metadata }) => metadata.name)
          return agents.length === 2 && agents.every((name) => !before.includes(name))
        },
        { timeoutMs: 60_000 },
      )
      expect((await system.settled('desk')).status?.updateRevision).to.equal(swarm.status?.updateRevision)
      await system.remove('desk')
    })
  })

  describe('a Swarm', () => {
    const SECRET = { env: [{ name: 'KEY', valueFrom: { secretKeyRef: { name: 'late', key: 'token' } } }] }

    it('is Progressing while something is missing that may come, and Healthy when it has', async () => {
      await system.apply('waits', { replicas: 1, template: SECRET })
      const missing = `SecretMissing: Secret ${system.namespace}/late does not exist, variable KEY needs its key token; create it`
      await shows(AGENTS, await agentOf('waits'), progressing(missing))
      const said = `Progressing: 1 agent not ready yet; 1 SecretMissing, for instance ${await agentOf('waits')}: ${missing.slice('SecretMissing: '.length)}`
      await shows(SWARMS, 'waits', progressing(said))
      await system.secret('late', { token: 'x' })
      await shows(SWARMS, 'waits', healthy('AgentsReady: 1 of 1 agent is ready'))
      await system.remove('waits')
    })

    it('is Progressing with the reason while its own template cannot be read', async () => {
      await system.apply('reads', {
        replicas: 1,
        template: { ...SECRET, env: [{ name: 'KEY', valueFrom: { secretKeyRef: { name: 'never', key: 'k' } } }], configUpdates: 'Rollout' },
      })
      await says(SWARMS, 'reads', {
        status: 'Progressing',
        kstatus: 'InProgress',
        by: 'Ready',
        words: /^SecretMissing: Secret t-\w+\/never does not exist/,
      })
      await system.remove('reads')
    })

    it('is Degraded when only a person can help', async () => {
      await system.apply('wrong', { replicas: 1, template: { sandboxTemplate: 'nosuch' } })
      await says(AGENTS, await agentOf('wrong'), {
        status: 'Degraded',
        kstatus: 'Failed',
        by: 'Stalled',
        words: /^TemplateNotFound: .*template nosuch/,
      })
      await says(SWARMS, 'wrong', {
        status: 'Degraded',
        kstatus: 'Failed',
        by: 'Stalled',
        words: /^TemplateNotFound: wrong-\w+: .*template nosuch/,
      })
      await system.remove('wrong')
    })

    it('is Degraded while a budget keeps agents from it, and Suspended while one holds an update back', async () => {
      const update = { maxSurge: 1, maxUnavailable: 0 }
      await system.apply('poor', { replicas: 2, budget: { maxAgents: 1 }, update })
      const held = 'BudgetExceeded: 1 agent held back by spec.budget.maxAgents (1 of 1 used); raise it or ask for fewer agents'
      await shows(SWARMS, 'poor', { ...degraded(held), kstatus: 'InProgress' })
      await system.apply('poor', { replicas: 1, budget: { maxAgents: 1 }, update })
      await shows(SWARMS, 'poor', healthy('AgentsReady: 1 of 1 agent is ready'))
      await system.apply('poor', { replicas: 1, budget: { maxAgents: 1 }, update, ...mode('new') })
      const revision = await eventually('it knows the revision', async () => {
        const { status, metadata } = await get<Swarm>(SWARMS, 'poor')
        return status?.observedGeneration === metadata.generation && status.updateRevision
      })
      await shows(SWARMS, 'poor', suspended(`BudgetExceeded: 0 of 1 agents run revision ${revision}, 1 older one left`))
      await system.remove('poor')
    })

    it('is Progressing while the account has no room, Degraded after many of its agents were lost, and ends as Progressing', async () => {
      const { admin } = system.e2b
      await eventually('nobody else is there', () => admin.sandboxes().length === 0, { timeoutMs: 60_000 })
      admin.setOptions({ maxSandboxes: 3 })
      await system.apply('large', { replicas: 4 })
      await says(SWARMS, 'large', {
        status: 'Progressing',
        kstatus: 'InProgress',
        by: 'QuotaExceeded',
        words: /^QuotaExceeded: 1 agent wait: /,
      })
      admin.setOptions({ maxSandboxes: 0 })
      await shows(SWARMS, 'large', healthy('AgentsReady: 4 of 4 agents are ready'))
      for (const { status } of (await system.agents('large')).slice(0, 3)) await admin.fault(status?.sandbox?.id ?? '', { type: 'kill' })
      await says(SWARMS, 'large', {
        status: 'Degraded',
        by: 'MassFailure',
        words: /^MassFailure: [23] of 4 agents lost within a minute: updates and scale-downs wait until /,
      })
      await system.settled('large')
      admin.setOptions({ failureRate: 1 })
      await system.client.delete(SWARMS, { namespace: system.namespace, name: 'large' }, { propagationPolicy: 'Foreground' })
      const going = { status: 'Progressing', message: 'Pending deletion', kstatus: 'Terminating' }
      await shows(SWARMS, 'large', going)
      await shows(AGENTS, await agentOf('large', ({ metadata }) => metadata.deletionTimestamp !== undefined), going)
      admin.setOptions({ failureRate: 0 })
      await eventually('it is gone', async () => (await system.swarm('large')) === undefined, { timeoutMs: 60_000 })
    })
  })

  describe('an Agent', () => {
    it('is Suspended in the warm pool and when it sleeps, Progressing when it drains, and Degraded by its figures', async () => {
      const spec = {
        warmPool: { replicas: 1 },
        lifecycle: { onScaleDown: 'Pause', drainTimeout: '1m' },
        health: { errorPercent: { degraded: 20, critical: 40 }, minTasks: 5, window: '30s' },
        routing: { retries: { attempts: 1 }, circuitBreaker: { consecutiveFailures: 1000 } },
      }
      await system.apply('moods', { ...spec, replicas: 2 })
      await system.settled('moods')
      const warm = { status: 'Suspended', message: 'Warm: in the warm pool; its command starts when it is taken', kstatus: 'InProgress' }
      await shows(
        AGENTS,
        await agentOf('moods', (agent) => agent.spec.state === 'Warm' && agent.status?.sandbox?.prepared !== undefined),
        warm,
      )
      await system.tasks.routersSee('moods', 2)
      const { busy, answer } = await system.tasks.taskInHand('moods', { sleepMs: 4_000 })
      await system.scale('moods', 0)
      const draining = progressing('Draining: finishes the tasks it has, gets no new ones')
      await shows(AGENTS, busy[0] ?? '', { ...draining, kstatus: 'Current' })
      expect((await answer).status).to.equal(200)
      await shows(
        AGENTS,
        await agentOf('moods', (agent) => agent.spec.state === 'Paused'),
        suspended('Paused: paused; it is resumed on the next scale-up'),
      )
      await system.apply('moods', { ...spec, replicas: 1, warmPool: { replicas: 0 }, ...mode('bad') })
      await system.scale('moods', 1)
      await system.settled('moods')
      await system.tasks.routersSee('moods', 1)
      const load = system.keepAsking('moods', 1)
      const failing = await agentOf('moods', (agent) => agent.spec.state === 'Running' && agent.status?.health?.state === 'Critical')
      const agent = await get<Agent>(AGENTS, failing)
      await load.stop()
      const { reason, message } = agent.status?.health ?? {}
      expect(reason).to.equal('ErrorsHigh')
      expect(await reader.read(agent)).to.deep.equal({
        kstatus: 'Current',
        health: { status: 'Degraded', message: `${reason}: ${message}` },
      })
      await system.remove('moods')
    })
  })

  describe('a ScalingPolicy', () => {
    const source = new TestSource()
    before(async () => source.start())
    after(async () => source.stop())
    const apply = async (name: string, spec: object, annotations = {}) =>
      system.client.apply(
        SCALING_POLICIES,
        { metadata: { name, namespace: system.namespace, annotations }, spec: { target: { swarm: 'scaled' }, maxReplicas: 4, ...spec } },
        { fieldManager: 'test', force: true },
      )

    it('is as its conditions say', async () => {
      const { namespace } = system
      const load = { metrics: [{ name: 'load', type: 'InFlightPerAgent', target: { value: 1 } }] }
      await apply('policy', load)
      await shows(
        SCALING_POLICIES,
        'policy',
        progressing(`SwarmNotFound: there is no Swarm ${namespace}/scaled; create it, or correct spec.target.swarm`),
      )
      await system.apply('scaled')
      await system.settled('scaled')
      await says(SCALING_POLICIES, 'policy', { status: 'Healthy', kstatus: 'Current', by: 'Ready', words: /^ScalingActive: / })
      await apply('second', load)
      const other = `OtherPolicy: ScalingPolicy policy sets the replicas of Swarm ${namespace}/scaled already and is older; delete one of the two`
      await shows(SCALING_POLICIES, 'second', degraded(other))
      await system.client.delete(SCALING_POLICIES, { namespace, name: 'second' })
      await apply('policy', { ...load, dryRun: true })
      await says(SCALING_POLICIES, 'policy', { status: 'Healthy', kstatus: 'Current', by: 'Ready', words: /^DryRun: / })
      await apply('policy', load, { 'swarmops.dev/paused': 'true' })
      await says(SCALING_POLICIES, 'policy', { status: 'Suspended', kstatus: 'Current', by: 'Ready', words: /^Paused: / })
      await apply('policy', { ...load, minReplicas: 2 })
      await eventually('it has set replicas', async () => (await system.swarm('scaled'))?.spec.replicas === 2)
      await system.settled('scaled')
      await system.scale('scaled', 3)
      await says(SCALING_POLICIES, 'policy', {
        status: 'Healthy',
        kstatus: 'Current',
        by: 'ReplicasSetByOthers',
        words: /^ReplicasSetByOthers: .* set replicas to 3, which this policy had set to 2/,
      })
    })

    it('is Progressing before there is a value, and Degraded when values end', async () => {
      let value: number | undefined
      source.answer = (response) => (value === undefined ? response.writeHead(500).end() : response.end(JSON.stringify({ value })))
      const index = {
        name: 'index',
        type: 'Json',
        json: { url: source.url, pointer: '/value', interval: '1s' },
        maxAge: '3s',
        target: { value: 1 },
      }
      await apply('policy', { metrics: [index] })
      await says(SCALING_POLICIES, 'policy', {
        status: 'Progressing',
        kstatus: 'InProgress',
        by: 'Ready',
        words: /^MetricsFailing: index: .* answered 500/,
      })
      value = 1
      await says(SCALING_POLICIES, 'policy', { status: 'Healthy', kstatus: 'Current', by: /Ready|ReplicasSetByOthers/, words: /^/ })
      value = undefined
      await says(SCALING_POLICIES, 'policy', {
        status: 'Degraded',
        kstatus: 'InProgress',
        by: 'Ready',
        words: /^MetricsFailing: index: the newest value is .* answered 500/,
      })
      await system.remove('scaled')
    })
  })

  describe('all of them', () => {
    it('every version of every object that there was is read alike by all', async () => {
      const pairs = new Set<string>()
      for (const object of gallery) {
        const { health, kstatus: told } = await reader.read(object)
        expect(kstatus(object), JSON.stringify(object)).to.equal(told)
        expect(wordsOf(object), JSON.stringify(object)).to.include(health?.message)
        pairs.add(`${object.kind} ${health?.status} ${told}`)
      }
      // Where the two differ, they differ on purpose: see docs/gitops.md.
      const alike = /^\w+ (Healthy Current|Progressing InProgress|Suspended InProgress|Degraded Failed|Progressing Terminating)$/
      const known = [
        'Agent Degraded Current', // by its figures
        'Agent Progressing Current', // drains
        'ScalingPolicy Degraded InProgress', // values have ended
        'ScalingPolicy Suspended Current', // has the annotation
        'Swarm Degraded Current', // RevisionRejected, or MassFailure when all is replaced
        'Swarm Degraded InProgress', // BudgetExceeded, MassFailure, RevisionRejected while agents of it leave
      ]
      expect([...pairs].filter((pair) => !alike.test(pair) && !known.includes(pair))).to.deep.equal([])
      for (const { kind } of EVERY_KIND) expect([...pairs].filter((pair) => pair.startsWith(`${kind} `)).length, kind).to.be.greaterThan(2)
    })
  })
})
