import type { Slot } from '../routing/slot.ts'
import type { Address } from '../api/address.ts'
import { IDLE_PROBE_MS } from './limits.ts'

/** A request to an agent that has not ended; `abort` ends it now. */
export type Running = { abort(outcome: 'Hung' | 'Timeout' | 'Cancelled'): void }

/** How an agent is asked whether it is well: its template's readiness. */
export type ProbeRules = {
  readonly path: string
  readonly timeoutMs: number
  readonly intervalMs: number
  readonly failureThreshold: number
}

/** One agent with what the router needs to talk to it; the routing's view of it is the slot. */
export class Host {
  readonly slot: Slot
  /** Absent until the agent has a sandbox. */
  address: Address | undefined
  probe: ProbeRules
  /** Requests to it that have not ended. */
  readonly running = new Set<Running>()
  /** How long the tasks took that it has done. */
  readonly latency: number[] = []
  /** When it last gave a sign of life, or was first asked for one. */
  aliveMs = 0
  isProbing = false
  /** Probes in a row that found nobody. */
  misses = 0
  /** When its next probe is due, unless a task of it has become quiet before. */
  nextProbeMs = 0
  /** Time between two probes while it has no tasks. */
  idleProbeMs = IDLE_PROBE_MS

  constructor(slot: Slot, probe: ProbeRules) {
    this.slot = slot
    this.probe = probe
  }
}
