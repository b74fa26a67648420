import { latenciesSince, type Latencies } from './latency.ts'
import type { AgentStats, Frame } from './wire.ts'

/** Attempts of tasks on one agent that have ended since the last time. */
export type Ended = {
  readonly namespace: string
  readonly agent: string
  readonly uid: string
  readonly done: number
  readonly failed: number
  readonly latency: Latencies
}

type Seen = { readonly uid: string; readonly done: number; readonly failed: number; readonly latency: Latencies }

const NOTHING: Latencies = []

/**
 * Turns the counters of one router into what is new, over every loss of the connection. What a router counted before it was first
 * heard, or before it was heard again after a restart of its own, is not new: nobody knows how old it is.
 */
export class Tally {
  #run: string | undefined
  #coming: AgentStats[] = []
  readonly #seen = new Map<string, Seen>()

  /** Takes a frame, and gives the agents of which attempts have ended. */
  take(frame: Frame): readonly Ended[] {
    switch (frame.type) {
      case 'heartbeat':
        return []
      case 'delta':
        for (const { namespace, agent } of frame.goneAgents ?? []) this.#seen.delete(`${namespace}/${agent}`)
        return this.#news(frame.agents ?? [])
      case 'snapshot': {
        this.#coming.push(...frame.agents)
        if (frame.more) return []
        const agents = this.#coming
        this.#coming = []
        const isSameRun = this.#run === frame.router
        this.#run = frame.router
        const news = isSameRun ? this.#news(agents) : []
        this.#seen.clear()
        for (const stats of agents) this.#remember(stats)
        return news
      }
    }
  }

  /** The connection was lost: a snapshot that was under way will not end. */
  lost(): void {
    this.#coming = []
  }

  #news(agents: readonly AgentStats[]): Ended[] {
    const news: Ended[] = []
    for (const stats of agents) {
      const { namespace, agent, uid, done, failed, latency = NOTHING } = stats
      const seen = this.#seen.get(`${namespace}/${agent}`)
      const before = seen?.uid === uid ? seen : undefined
      if (before?.done !== done || before.failed !== failed) {
        const ended = {
          namespace,
          agent,
          uid,
          done: Math.max(0, done - (before?.done ?? 0)),
          failed: Math.max(0, failed - (before?.failed ?? 0)),
          latency: before ? latenciesSince(latency, before.latency) : latency,
        }
        if (ended.done + ended.failed > 0) news.push(ended)
        this.#remember(stats)
      }
    }
    return news
  }

  #remember({ namespace, agent, uid, done, failed, latency = NOTHING }: AgentStats): void {
    this.#seen.set(`${namespace}/${agent}`, { uid, done, failed, latency })
  }
}
