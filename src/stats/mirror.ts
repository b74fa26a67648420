import type { AgentStats, Frame, SwarmRef, SwarmStats } from './wire.ts'

const keyOf = (namespace: string, name: string) => `${namespace}/${name}`

/** What a frame has changed: agents, those that are gone included, and swarms of which the shares in force or the trip are others. */
export type Changes = { readonly agents: readonly AgentStats[]; readonly swarms: readonly SwarmRef[] }

const NOTHING: Changes = { agents: [], swarms: [] }

/** What one router last said, kept by a reader of its stream. */
export class Mirror {
  #agents = new Map<string, AgentStats>()
  #swarms = new Map<string, SwarmStats>()
  #coming: { agents: Map<string, AgentStats>; swarms: Map<string, SwarmStats> } | undefined
  #isComplete = false

  /** False until a whole snapshot has been read. */
  get isComplete(): boolean {
    return this.#isComplete
  }

  agent(namespace: string, agent: string): AgentStats | undefined {
    return this.#agents.get(keyOf(namespace, agent))
  }

  swarm(namespace: string, swarm: string): SwarmStats | undefined {
    return this.#swarms.get(keyOf(namespace, swarm))
  }

  get swarms(): IterableIterator<SwarmStats> {
    return this.#swarms.values()
  }

  /** All that is said: what is not known any more when the stream is lost. */
  get everything(): Changes {
    return { agents: [...this.#agents.values()], swarms: [...this.#swarms.values()].filter((stats) => !isSameWord(stats, undefined)) }
  }

  /** Takes a frame. */
  apply(frame: Frame): Changes {
    switch (frame.type) {
      case 'heartbeat':
        return NOTHING
      case 'snapshot':
        return this.#applySnapshot(frame)
      case 'delta':
        return { agents: this.#applyAgents(frame), swarms: this.#applySwarms(frame) }
    }
  }

  #applyAgents(frame: Extract<Frame, { type: 'delta' }>): readonly AgentStats[] {
    const changed: AgentStats[] = []
    for (const stats of frame.agents ?? []) {
      this.#agents.set(keyOf(stats.namespace, stats.agent), stats)
      changed.push(stats)
    }
    for (const { namespace, agent } of frame.goneAgents ?? []) {
      const old = this.#agents.get(keyOf(namespace, agent))
      if (old) changed.push(old)
      this.#agents.delete(keyOf(namespace, agent))
    }
    return changed
  }

  #applySwarms(frame: Extract<Frame, { type: 'delta' }>): readonly SwarmRef[] {
    const changed: SwarmRef[] = []
    for (const stats of frame.swarms ?? []) {
      const key = keyOf(stats.namespace, stats.swarm)
      if (!isSameWord(this.#swarms.get(key), stats)) changed.push(stats)
      this.#swarms.set(key, stats)
    }
    for (const { namespace, swarm } of frame.goneSwarms ?? []) {
      const old = this.#swarms.get(keyOf(namespace, swarm))
      if (old && !isSameWord(old, undefined)) changed.push(old)
      this.#swarms.delete(keyOf(namespace, swarm))
    }
    return changed
  }

  #applySnapshot(frame: Extract<Frame, { type: 'snapshot' }>): Changes {
    const coming = (this.#coming ??= { agents: new Map<string, AgentStats>(), swarms: new Map<string, SwarmStats>() })
    for (const stats of frame.agents) coming.agents.set(keyOf(stats.namespace, stats.agent), stats)
    for (const stats of frame.swarms) coming.swarms.set(keyOf(stats.namespace, stats.swarm), stats)
    if (frame.more) return NOTHING
    const gone = [...this.#agents].filter(([key]) => !coming.agents.has(key)).map(([, stats]) => stats)
    const swarms = new Map([...this.#swarms, ...coming.swarms])
    const changed = [...swarms].filter(([key]) => !isSameWord(this.#swarms.get(key), coming.swarms.get(key))).map(([, stats]) => stats)
    this.#agents = coming.agents
    this.#swarms = coming.swarms
    this.#coming = undefined
    this.#isComplete = true
    return { agents: [...coming.agents.values(), ...gone], swarms: changed }
  }
}

/** Whether both give every revision the same share and tell of the same trip; one that is not known says neither. */
function isSameWord(a: SwarmStats | undefined, b: SwarmStats | undefined): boolean {
  const [ours = [], others = []] = [a?.shares, b?.shares]
  return (
    a?.trip?.run === b?.trip?.run &&
    ours.length === others.length &&
    ours.every(({ revision, percent }, i) => revision === others[i]?.revision && percent === others[i]?.percent)
  )
}
