import type { HealthState } from '../../api/health.ts'

/** An agent as the API server, the provider and the routers last showed it. Times are Unix milliseconds. */
export type AgentSeen = {
  readonly name: string
  readonly group: string
  readonly place: number
  readonly revision: string
  readonly state: 'Running' | 'Draining' | 'Paused'
  readonly stateSinceMs: number
  /** Being deleted: its place is free already. */
  readonly deleting: boolean
  /** Takes tasks, as far as its own state goes. */
  readonly ready: boolean
  /** Has been ready at some time. */
  readonly wasReady: boolean
  /** Lost for good; `readyForMs` is how long it had been ready. */
  readonly failed?: { readonly reason: string; readonly atMs: number; readonly readyForMs: number }
  /** How well it does, once it has been ready. */
  readonly health?: HealthState
  /** Its command has been started: it waits for no sandbox any more. */
  readonly isStarted: boolean
  readonly attempt: number
  /** Tasks that the routers have given it and not seen the end of. */
  readonly inFlight: number
  /** Every router has said that it sends no more tasks and waits for none. */
  readonly drained: boolean
  /** The provider will not extend its life, or it has reached the age at which agents are replaced. */
  readonly expiring: boolean
  /** Another one is to take its place: it was made before the time at which all agents are restarted, or a person asked for it. */
  readonly restarting?: 'Restarted' | 'Asked'
  /** When it reaches that age. */
  readonly expiresMs?: number
}

/** Takes new tasks. */
export const isServing = (a: AgentSeen) => a.ready && a.state === 'Running' && !a.deleting && !a.failed
