import type { Logger } from 'winston'
import type { Agent } from '../../api/objects.ts'
import { USAGE_BATCH } from '../../e2b/limits.ts'
import type { Provider } from '../../e2b/provider.ts'
import type { SandboxUsage } from '../../e2b/types.ts'
import { OperatorError } from '../../errors.ts'
import { doubledMs, type Pauses } from '../../time/backoff.ts'
import { pause } from '../../time/pause.ts'
import type { CredentialStore } from '../shared/credentials.ts'
import type { Stores } from '../shared/stores.ts'

/** Time between two samples of a sandbox, in milliseconds: the provider measures as often. */
const SAMPLE_MS = 5_000

/** Pauses when the provider does not give them, in milliseconds. */
const FAILING_MS: Pauses = { first: SAMPLE_MS, longest: 60_000 }

/** Requests at once under one key. */
const PARALLEL = 4

export type UsageSamplerOptions = {
  readonly stores: Pick<Stores, 'agents' | 'now'>
  readonly credentials: CredentialStore
  readonly onUsage: (agent: Agent, usage: SandboxUsage) => void
  readonly log: Logger
}

type Failing = { readonly times: number; readonly untilMs: number }

/**
 * Asks what the sandboxes of all agents that have been ready use: one request for a hundred of them, every five seconds, and only
 * while nobody else waits for the provider under that key.
 */
export class UsageSampler {
  readonly #options: UsageSamplerOptions
  readonly #failing = new WeakMap<Provider, Failing>()

  constructor(options: UsageSamplerOptions) {
    this.#options = options
  }

  /** Samples until the signal ends. */
  async run(signal: AbortSignal): Promise<void> {
    const { now } = this.#options.stores
    while (!signal.aborted) {
      const fromMs = now()
      await this.sample(signal)
      await pause(Math.min(SAMPLE_MS, Math.max(0, fromMs + SAMPLE_MS - now())), signal)
    }
  }

  /** One sample with every API key in use. One that fails is left alone for longer and longer. */
  async sample(signal: AbortSignal): Promise<void> {
    const { stores, credentials } = this.#options
    const users = credentials.usersOf(stores.agents.list().filter(isMeasured))
    await Promise.all([...users].map(([provider, agents]) => this.#sampleOne(provider, agents, signal)))
  }

  async #sampleOne(provider: Provider, agents: readonly Agent[], signal: AbortSignal): Promise<void> {
    const { stores, log } = this.#options
    const failing = this.#failing.get(provider)
    if (failing && failing.untilMs > stores.now()) return
    try {
      const batches = batchesOf(agents).values()
      let hasFailed = false
      const work = async () => {
        for (const batch of batches) {
          if (hasFailed) return
          await this.#ask(provider, batch, signal).catch((error: unknown) => {
            hasFailed = true
            throw error
          })
        }
      }
      await Promise.all(Array.from({ length: PARALLEL }, work))
      this.#failing.delete(provider)
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof OperatorError)) throw error
      const times = (failing?.times ?? 0) + 1
      this.#failing.set(provider, { times, untilMs: stores.now() + doubledMs(FAILING_MS, times - 1) })
      if (times === 1) log.info('use of sandboxes is not known', { reason: error.reason, error: error.message })
    }
  }

  async #ask(provider: Provider, batch: ReadonlyMap<string, Agent>, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    for (const [id, usage] of await provider.usage([...batch.keys()], { signal })) {
      const agent = batch.get(id)
      if (agent) this.#options.onUsage(agent, usage)
    }
  }
}

/** Its sandbox runs, and it has been ready: before that nobody judges it. */
const isMeasured = ({ metadata, status }: Agent) =>
  status?.sandbox?.state === 'Running' && status.readySince !== undefined && !status.failed && metadata.deletionTimestamp === undefined

/** The agents by the ids of their sandboxes, as many as one request may ask for. */
function batchesOf(agents: readonly Agent[]): ReadonlyMap<string, Agent>[] {
  const batches: Map<string, Agent>[] = []
  for (let from = 0; from < agents.length; from += USAGE_BATCH)
    batches.push(new Map(agents.slice(from, from + USAGE_BATCH).map((agent) => [agent.status?.sandbox?.id ?? '', agent])))
  return batches
}
