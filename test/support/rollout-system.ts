import { expect } from 'chai'
import { isDeepStrictEqual } from 'node:util'
import type { Rollout, Swarm } from '../../src/api/objects.ts'
import type { Request } from '../../src/api/rollout.ts'
import { Informer } from '../../src/kube/informer.ts'
import type { KubeObject } from '../../src/kube/objects.ts'
import { createLog } from '../../src/log.ts'
import { SWARMS } from '../../src/reconcilers/shared/kinds.ts'
import { System, type SystemOptions } from './system.ts'
import { ROLLOUT_KINDS } from './system-objects.ts'
import { eventually } from './wait.ts'

/** What agents of a swarm `desk` do, by their environment variable MODE. */
const BY_MODE = `
  const mode = process.env.MODE ?? ''
  if (mode.startsWith('bad')) return answer(response, 500, { error: 'this revision is bad' })
  if (mode.startsWith('slow')) await new Promise((resolve) => setTimeout(resolve, 1_000))
  if (mode.startsWith('mute')) return
  if (mode.startsWith('stuck')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  if (mode.startsWith('crash')) process.exit(1)
`

/** What they do whatever they are asked. */
const BY_ITSELF = `
  if ((process.env.MODE ?? '').startsWith('fade')) globalThis.end ??= setTimeout(() => process.exit(1), 1_500)
`

/** The swarm of these tests. */
export const SWARM = 'desk'

/** Whether the status of a swarm, which is written a moment after that of its rollout, tells the same as that. */
function isInStep({ metadata, status }: Swarm, { status: told }: Rollout): boolean {
  const { state, weights } = told ?? {}
  const traffic = weights?.map(({ revision, percent }) => ({ revision, percent }))
  const rejected = state?.rejectedRevision === state?.templateRevision ? state?.rejectedRevision : undefined
  const { stableRevision = status?.currentRevision } = state ?? {}
  return (
    status?.observedGeneration === metadata.generation &&
    isDeepStrictEqual(
      [status.updateRevision, status.traffic, status.rejectedRevision, status.currentRevision, status.mirror?.percent],
      [state?.templateRevision, traffic, rejected, stableRevision, state?.mirror || undefined],
    )
  )
}

/** A system with a swarm whose revisions do well, fail or are slow, and one rollout of it. */
export class RolloutSystem {
  readonly system: System
  readonly kind: Rollout['kind']
  readonly name = 'release'

  private constructor(system: System, kind: Rollout['kind']) {
    this.system = system
    this.kind = kind
  }

  /** Starts a swarm of revision \`good-1\` that is complete and follows the rollout. */
  static async start(
    kind: Rollout['kind'],
    spec: object,
    { swarm = {}, program, ...options }: SystemOptions & { swarm?: Record<string, unknown>; program?: string } = {},
  ): Promise<RolloutSystem> {
    const system = await System.start({ router: true, ...options })
    if (program === undefined) await system.useAgentProgram('agent', BY_MODE, BY_ITSELF)
    else await system.configMap('agent', { 'agent.mjs': program })
    const here = new RolloutSystem(system, kind)
    await here.template('good-1', swarm)
    await system.settled(SWARM)
    await here.apply(spec)
    await here.is('Idle')
    return here
  }

  async apply(spec: object): Promise<void> {
    await this.system.applyRollout(this.kind, this.name, { swarm: SWARM, ...spec })
  }

  /** Changes the template: `mode` says how its agents do. */
  async template(mode: string, spec: { template?: object; [field: string]: unknown } = {}): Promise<void> {
    const env = [{ name: 'MODE', value: mode }]
    await this.system.apply(SWARM, { replicas: 4, ...spec, template: { env, ...spec.template } })
  }

  async rollout(): Promise<Rollout | undefined> {
    return this.system.rollout(this.kind, this.name)
  }

  /** Waits until the rollout has looked at its newest spec and this holds of it. */
  async until(what: string, holds: (rollout: Rollout) => boolean, timeoutMs = 60_000): Promise<Rollout> {
    return eventually(
      what,
      async () => {
        const rollout = await this.rollout()
        if (rollout?.status?.observedGeneration === rollout?.metadata.generation && rollout && holds(rollout)) return rollout
        throw new Error(JSON.stringify({ status: rollout?.status, swarm: (await this.system.swarm(SWARM))?.status }))
      },
      { timeoutMs },
    )
  }

  /** Waits until the template as it is now has been looked at and the rollout does this. */
  async is(activity: NonNullable<NonNullable<Rollout['status']>['state']>['activity']): Promise<Rollout> {
    const look = async () => {
      const rollout = await this.rollout()
      const swarm = await this.system.swarm(SWARM)
      const state = rollout?.status?.state
      if (rollout && swarm && state?.activity === activity && isInStep(swarm, rollout)) return rollout
      throw new Error(JSON.stringify({ status: rollout?.status, swarm: swarm?.status }))
    }
    return eventually(`the rollout is ${activity}`, look, { timeoutMs: 60_000 })
  }

  /** Asks for something and waits for the answer. */
  async ask(action: Request['action'], more: Partial<Request> = {}): Promise<{ accepted: boolean; message: string }> {
    const id = await this.system.request(this.kind, this.name, action, more)
    const { status } = await this.until(`${action} is answered`, ({ status: seen }) => seen?.state?.answer?.id === id)
    return status?.state?.answer ?? { accepted: false, message: '' }
  }

  /** Percent of new tasks by revision, as the routers follow it. */
  async weights(): Promise<Record<string, number>> {
    const swarm = await this.system.swarm(SWARM)
    return Object.fromEntries((swarm?.status?.traffic ?? []).map(({ revision, percent }) => [revision, percent]))
  }

  /** Agents that there are by revision. */
  async agents(): Promise<Record<string, number>> {
    const counts: Record<string, number> = {}
    for (const agent of await this.system.agents(SWARM))
      if (agent.spec.state === 'Running' && !agent.metadata.deletionTimestamp)
        counts[agent.spec.revision] = (counts[agent.spec.revision] ?? 0) + 1
    return counts
  }

  /** Brings everything back to one stable revision of this mode, without waiting for its steps; returns that revision. */
  async settledAs(mode: string): Promise<string> {
    await this.template(mode)
    const { status } = await eventually(`${mode} is stable`, async () => {
      const rollout = await this.rollout()
      const state = rollout?.status?.state
      const swarm = await this.system.swarm(SWARM)
      const isSeen = swarm?.status?.observedGeneration === swarm?.metadata.generation
      const update = swarm?.status?.updateRevision
      if (rollout && isSeen && state?.activity === 'Idle' && state.stableRevision === update && state.templateRevision === update)
        return rollout
      if (state && ['Stepping', 'Promoting'].includes(state.activity)) await this.ask('PromoteFully')
      throw new Error(JSON.stringify(rollout?.status))
    })
    const stable = status?.state?.stableRevision ?? ''
    await this.hasAgents({ [stable]: 4 })
    return stable
  }

  /** Waits until only these revisions have so many agents. */
  async hasAgents(wanted: Record<string, number>): Promise<void> {
    await becomes('agents', wanted, async () => this.agents())
  }

  /** Waits until the routers are told of these weights: the state of the rollout is stored before. */
  async hasWeights(wanted: Record<string, number>): Promise<void> {
    await becomes('weights', wanted, async () => this.weights())
  }

  /** Watches in which order the operator writes that a revision which has tasks gets no more, and why. */
  async watchReturn(): Promise<{ are: (order: readonly string[]) => Promise<void> }> {
    const { client, namespace } = this.system
    const log = createLog({ level: 'error', shape: 'text' })
    // One counter of the API server for all writes.
    const seen = new Map<string, number>()
    const note = (what: string, { metadata }: KubeObject) => seen.has(what) || seen.set(what, Number(metadata.resourceVersion))
    const swarms = new Informer<Swarm>({ client, kind: SWARMS, namespaces: [namespace], log })
    const rollouts = new Informer<Rollout>({ client, kind: ROLLOUT_KINDS[this.kind], namespaces: [namespace], log })
    swarms.onChange((_type, swarm, old) => {
      if (old?.status?.traffic?.length === 2 && swarm.status?.traffic?.length === 1) note('tasks are back', swarm)
    })
    rollouts.onChange((_type, rollout) => rollout.status?.state?.failure && note('the reason is stored', rollout))
    for (const informer of [swarms, rollouts]) {
      informer.start()
      await informer.synced()
    }
    return {
      are: async (order) => {
        await eventually('both are seen', () => seen.size === 2)
        expect([...seen].sort(([, a], [, b]) => a - b).map(([what]) => what)).to.deep.equal(order)
        await Promise.all([swarms.stop(), rollouts.stop()])
      },
    }
  }

  async stop(): Promise<void> {
    await this.system.stop()
  }
}

async function becomes(what: string, wanted: Record<string, number>, look: () => Promise<Record<string, number>>): Promise<void> {
  await eventually(`the ${what} are ${JSON.stringify(wanted)}`, async () => {
    const seen = await look()
    if (isDeepStrictEqual(seen, wanted)) return true
    throw new Error(JSON.stringify(seen))
  })
}
