import type { Agent, Swarm } from '../../api/objects.ts'
import { limitsOf, type Limits, type Verdict } from '../../health/judge.ts'
import { HealthRecord, type Sample } from '../../health/record.ts'
import type { TaskCounts } from '../../stats/window.ts'
import { pause } from '../../time/pause.ts'
import type { Stores } from '../shared/stores.ts'
import { ownerOf } from './observe.ts'

/** Time between two looks at all agents, in milliseconds: as often as the provider measures. */
const LOOK_MS = 5_000

/** What came in within this time is one look at an agent. Milliseconds. */
const GATHER_MS = 1_000

/** Attempts of tasks on an agent that have ended. */
export type EndedTasks = TaskCounts & { readonly namespace: string; readonly agent: string; readonly uid: string }

export type VitalsOptions = {
  readonly stores: Pick<Stores, 'agents' | 'swarms' | 'now' | 'routers'>
  /** Told when another verdict stands on an agent. `key` names it in the work queue. */
  readonly onChange: (key: string) => void
}

/**
 * How well agents do, by the use of their sandboxes and by what routers say of their tasks. Kept in memory, a few hundred bytes an
 * agent, and judged again at once when something new is bad; the status of the agent is written only when another verdict stands.
 */
export class Vitals {
  readonly #options: VitalsOptions
  readonly #records = new Map<string, HealthRecord>()
  readonly #limits = new WeakMap<Swarm, Limits>()
  /** Agents of which something came in since the last look. */
  readonly #news = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #tasksSinceMs: number
  #isStopped = false

  constructor(options: VitalsOptions) {
    this.#options = options
    this.#tasksSinceMs = options.stores.now()
  }

  /** The verdict that stands on an agent. */
  verdict(agent: Agent): Verdict {
    return this.#recordOf(agent).verdict
  }

  /** A router has seen the end of tasks. */
  tasksEnded(ended: readonly EndedTasks[]): void {
    const { stores } = this.#options
    for (const { namespace, agent: name, uid, ...counts } of ended) {
      const agent = stores.agents.get({ namespace, name })
      const limits = agent?.metadata.uid === uid ? this.#limitsOf(agent) : undefined
      if (!agent || !limits) continue
      this.#recordOf(agent).tasksEnded(counts, stores.now(), limits.windowMs)
      this.#hear(agent)
    }
  }

  /** The provider has measured the sandbox of an agent. */
  used(agent: Agent, sample: Sample): void {
    if (this.#recordOf(agent).used(sample, this.#options.stores.now())) this.#hear(agent)
  }

  /** Looks at all agents again and again until the signal ends: time alone makes things better. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(LOOK_MS, signal)
      if (!signal.aborted) this.#lookAtAll()
    }
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  #lookAtAll(): void {
    const { stores } = this.#options
    // What ended while a router was away is never told: a window in which that happened says nothing good.
    if (!stores.routers.isConnected()) this.#tasksSinceMs = stores.now()
    const agents = stores.agents.list()
    for (const agent of agents) this.#look(agent, true)
    if (this.#records.size > agents.length) this.#forgetAllBut(new Set(agents.map((agent) => agent.metadata.uid)))
  }

  #forgetAllBut(uids: ReadonlySet<string>): void {
    for (const uid of this.#records.keys()) if (!uids.has(uid)) this.#records.delete(uid)
  }

  #hear({ metadata: { namespace, name } }: Agent): void {
    if (this.#isStopped) return
    this.#news.add(`${namespace}/${name}`)
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      const keys = [...this.#news]
      this.#news.clear()
      for (const key of keys) {
        const agent = this.#options.stores.agents.get(key)
        if (agent) this.#look(agent, false)
      }
    }, GATHER_MS).unref()
  }

  #look(agent: Agent, isRegular: boolean): void {
    const record = this.#records.get(agent.metadata.uid)
    const limits = record && this.#limitsOf(agent)
    if (!record || !limits) return
    const changed = record.look({ limits, nowMs: this.#options.stores.now(), tasksSinceMs: this.#tasksSinceMs, isRegular })
    if (changed) this.#options.onChange(`${agent.metadata.namespace}/${agent.metadata.name}`)
  }

  #recordOf({ metadata, status }: Agent): HealthRecord {
    const known = this.#records.get(metadata.uid)
    if (known) return known
    const made = new HealthRecord(status?.health, this.#options.stores.now())
    this.#records.set(metadata.uid, made)
    return made
  }

  /** spec.health in numbers; undefined when the swarm is gone. */
  #limitsOf(agent: Agent): Limits | undefined {
    const swarm = ownerOf(agent, this.#options.stores)
    if (!swarm) return undefined
    const known = this.#limits.get(swarm)
    if (known) return known
    const made = limitsOf(swarm.spec.health)
    this.#limits.set(swarm, made)
    return made
  }
}
