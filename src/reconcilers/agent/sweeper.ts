import type { Registry } from 'prom-client'
import type { Logger } from 'winston'
import { durationMs } from '../../api/duration.ts'
import type { Agent } from '../../api/objects.ts'
import { REASON } from '../../api/reasons.ts'
import { OperatorError } from '../../errors.ts'
import { SandboxGoneError } from '../../e2b/errors.ts'
import { METADATA } from '../../e2b/metadata.ts'
import type { Provider } from '../../e2b/provider.ts'
import type { SandboxInfo } from '../../e2b/types.ts'
import { planSweep } from '../../e2b/sweep.ts'
import { pause } from '../../time/pause.ts'
import { DEFAULT_SIZE } from '../../scaling/cost.ts'
import type { CredentialStore } from '../shared/credentials.ts'
import { AGENTS } from '../shared/kinds.ts'
import type { Stores } from '../shared/stores.ts'
import { sweepMetrics, type SweepMetrics } from './sweep-metrics.ts'
import { ownerOf, sandboxTimeoutMs } from './observe.ts'
import { madeFrom, type Sightings } from './sightings.ts'

/** Time between two looks at all sandboxes, in milliseconds; shorter when sandboxes are given less time. */
const SWEEP_MS = 30_000

export type SweeperOptions = {
  stores: Stores
  credentials: CredentialStore
  sightings: Sightings
  operatorId: string
  /** The provider of the operator's own key, which is looked at even when no agent uses it any more. */
  own: Provider | undefined
  enqueue: (key: string) => void
  /** Hears of agents whose sandbox the provider has shown for the first time. */
  onSeen: (agent: Agent) => void
  registry: Registry
  log: Logger
}

/**
 * Looks at all sandboxes of this operator from time to time: ends those that no agent owns, gives those in use more
 * time, and has agents looked at whose sandbox is not there.
 */
export class Sweeper {
  readonly #options: SweeperOptions
  readonly #metrics: SweepMetrics

  constructor(options: SweeperOptions) {
    this.#options = options
    this.#metrics = sweepMetrics(options.registry)
  }

  /** Sweeps until the signal ends. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.sweep(signal)
      await pause(this.#pauseMs(), signal)
    }
  }

  /** One look with every API key in use. A provider that does not answer holds up only its own. */
  async sweep(signal: AbortSignal): Promise<void> {
    const { stores, credentials, own } = this.#options
    const users = credentials.usersOf(stores.agents.list())
    if (own && !users.has(own)) users.set(own, [])
    await Promise.all([...users].map(([provider, agents]) => this.#sweepOne(provider, agents, signal)))
  }

  async #sweepOne(provider: Provider, agents: readonly Agent[], signal: AbortSignal): Promise<void> {
    const { stores, operatorId, sightings, enqueue, log } = this.#options
    try {
      const known = new Map(agents.map((a) => [a.metadata.uid, a]))
      const sandboxes = await provider.list({ metadata: { [METADATA.operator]: operatorId } }, { signal })
      this.#measure(sandboxes, known)
      const plan = planSweep({
        sandboxes,
        agents: agents.map((agent) => this.#known(agent)),
        nowMs: stores.now(),
      })
      for (const uid of plan.suspects) {
        const agent = known.get(uid)
        if (!agent) continue
        sightings.suspect(uid)
        enqueue(`${agent.metadata.namespace}/${agent.metadata.name}`)
      }
      const renewals = plan.renew.map((r) => this.#alone(r.sandbox, () => this.#renew(provider, r, known, signal), signal))
      const kills = plan.kill.map((k) => this.#alone(k.sandbox, () => this.#kill(provider, k, signal), signal))
      await Promise.all([...renewals, ...kills])
      this.#metrics.sweeps.inc({ result: 'done' })
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof OperatorError)) throw error
      this.#metrics.sweeps.inc({ result: 'failed' })
      log.warn('sweep failed', { reason: error.reason, error: error.message })
    }
  }

  /** Takes over how large sandboxes are, the usual size where the provider does not say; an agent whose status does not have that yet is looked at. */
  #measure(sandboxes: readonly SandboxInfo[], known: ReadonlyMap<string, Agent>): void {
    const { sightings, enqueue, onSeen } = this.#options
    for (const { metadata, sandboxId, size = DEFAULT_SIZE } of sandboxes) {
      const agent = known.get(metadata[METADATA.agentUid] ?? '')
      const sandbox = agent?.status?.sandbox
      if (!agent || sandbox?.id !== sandboxId) continue
      const isNew = !sightings.isSeen(agent.metadata.uid)
      sightings.measured(agent.metadata.uid, madeFrom(agent), size)
      if (isNew) onSeen(agent)
      if (sandbox.cpus !== size.cpus || sandbox.memoryMib !== size.memoryMib) enqueue(`${agent.metadata.namespace}/${agent.metadata.name}`)
    }
  }

  /** What fails for one sandbox holds up no other. */
  async #alone({ sandboxId }: SandboxInfo, act: () => Promise<void>, signal: AbortSignal): Promise<void> {
    try {
      await act()
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof OperatorError)) throw error
      this.#options.log.warn('sweep failed for a sandbox', { sandbox: sandboxId, reason: error.reason, error: error.message })
    }
  }

  /** A sandbox nobody owns is ended, after a look past the cache at the agent it was made for. */
  async #kill(provider: Provider, { sandbox, verify }: { sandbox: SandboxInfo; verify: boolean }, signal: AbortSignal): Promise<void> {
    const { stores, log } = this.#options
    const namespace = sandbox.metadata[METADATA.namespace] ?? ''
    const name = sandbox.metadata[METADATA.agent] ?? ''
    if (verify && namespace && name) {
      const agent = await stores.client.get(AGENTS, { namespace, name }, { signal })
      const isOwner = agent?.metadata.uid === sandbox.metadata[METADATA.agentUid]
      if (agent && isOwner && (agent.status?.sandbox === undefined || agent.status.sandbox.id === sandbox.sandboxId)) return
    }
    if ((await provider.kill(sandbox.sandboxId, { signal })) === 'gone') return
    this.#metrics.orphans.inc()
    log.warn('orphan sandbox killed', { reason: REASON.sandboxSwept, sandbox: sandbox.sandboxId, namespace, agent: name })
  }

  /** More time for a sandbox in use; one that gets none is replaced before it ends. */
  async #renew(
    provider: Provider,
    renewal: { sandbox: SandboxInfo; uid: string },
    known: ReadonlyMap<string, Agent>,
    signal: AbortSignal,
  ): Promise<void> {
    const { sandbox, uid } = renewal
    const agent = known.get(uid)
    if (!agent) return
    const { sightings, enqueue, log } = this.#options
    const timeoutMs = this.#timeoutMs(agent)
    let isRefused = false
    try {
      await provider.setTimeout(sandbox.sandboxId, timeoutMs, { signal })
      isRefused = await this.#isRefused(provider, sandbox, timeoutMs, signal)
    } catch (error) {
      if (error instanceof SandboxGoneError) return sightings.suspect(uid)
      isRefused = error instanceof OperatorError && error.reason === REASON.requestRejected
      if (!isRefused) throw error
    }
    if (!isRefused) return
    sightings.ends(uid, sandbox.endAtMs)
    enqueue(`${agent.metadata.namespace}/${agent.metadata.name}`)
    log.info('sandbox reaches its longest session, its agent is replaced', { agent: agent.metadata.name, sandbox: sandbox.sandboxId })
  }

  /** The provider may cut the time it was asked for without a word: looked at only when it is getting late. */
  async #isRefused(provider: Provider, sandbox: SandboxInfo, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    const leftMs = sandbox.endAtMs - this.#options.stores.now()
    if (leftMs > timeoutMs / 2) return false
    const after = await provider.get(sandbox.sandboxId, { signal })
    return after !== undefined && after.endAtMs <= sandbox.endAtMs + 1_000
  }

  #known(agent: Agent) {
    const { metadata, spec, status } = agent
    return {
      uid: metadata.uid,
      nonce: spec.nonce,
      ...(status?.sandbox && { sandbox: { id: status.sandbox.id, state: status.sandbox.state } }),
      timeoutMs: this.#timeoutMs(agent),
    }
  }

  #timeoutMs(agent: Agent): number {
    return sandboxTimeoutMs(agent, ownerOf(agent, this.#options.stores))
  }

  #pauseMs(): number {
    const shortest = Math.min(...this.#options.stores.swarms.list().map((s) => durationMs(s.spec.lifecycle.sandboxTimeout)))
    return Math.min(SWEEP_MS, shortest / 6)
  }
}
