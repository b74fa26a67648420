import type { AgentStats, Frame, SwarmStats } from './wire.ts'

const agentKey = (namespace: string, agent: string) => `${namespace}/${agent}`

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
    return this.#agents.get(agentKey(namespace, agent))
  }

  swarm(namespace: string, swarm: string): SwarmStats | undefined {
    return this.#swarms.get(agentKey(namespace, swarm))
  }

  get swarms(): IterableIterator<SwarmStats> {
    return this.#swarms.values()
  }

  get agents(): IterableIterator<AgentStats> {
    return this.#agents.values()
  }

  /** Takes a frame; returns the agents of which something changed, those that are gone included. */
  apply(frame: Frame): readonly AgentStats[] {
    switch (frame.type) {
      case 'heartbeat':
        return []
      case 'snapshot':
        return this.#applySnapshot(frame)
      case 'delta': {
        const changed: AgentStats[] = []
        for (const stats of frame.agents ?? []) {
          this.#agents.set(agentKey(stats.namespace, stats.agent), stats)
          changed.push(stats)
        }
        for (const { namespace, agent } of frame.goneAgents ?? []) {
          const old = this.#agents.get(agentKey(namespace, agent))
          if (old) changed.push(old)
          this.#agents.delete(agentKey(namespace, agent))
        }
        for (const stats of frame.swarms ?? []) this.#swarms.set(agentKey(stats.namespace, stats.swarm), stats)
        for (const { namespace, swarm } of frame.goneSwarms ?? []) this.#swarms.delete(agentKey(namespace, swarm))
        return changed
      }
    }
  }

  #applySnapshot(frame: Extract<Frame, { type: 'snapshot' }>): readonly AgentStats[] {
    const coming = (this.#coming ??= { agents: new Map<string, AgentStats>(), swarms: new Map<string, SwarmStats>() })
    for (const stats of frame.agents) coming.agents.set(agentKey(stats.namespace, stats.agent), stats)
    for (const stats of frame.swarms) coming.swarms.set(agentKey(stats.namespace, stats.swarm), stats)
    if (frame.more) return []
    const gone = [...this.#agents].filter(([key]) => !coming.agents.has(key)).map(([, stats]) => stats)
    this.#agents = coming.agents
    this.#swarms = coming.swarms
    this.#coming = undefined
    this.#isComplete = true
    return [...coming.agents.values(), ...gone]
  }
}
