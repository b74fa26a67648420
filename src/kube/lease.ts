import type { Logger } from 'winston'
import type { RuntimeMetrics } from '../metrics/registry.ts'
import { KubeApiError } from './api-error.ts'
import type { KubeClient } from './client.ts'
import { spreadMs } from '../time/backoff.ts'
import { MONOTONIC_CLOCK, type Clock } from '../time/clock.ts'
import { LEASES, type Lease } from './objects.ts'
import { pause } from '../time/pause.ts'

/** `identity` must be unique to this process. `durationMs`: without a renewal for so long, others take over. */
export interface LeaseOptions {
  readonly client: KubeClient
  readonly namespace: string
  readonly name: string
  readonly identity: string
  readonly log: Logger
  readonly metrics?: RuntimeMetrics | undefined
  readonly durationMs?: number
  readonly clock?: Clock
}

/** The Lease as last read, and since when it has looked like that by our own clock. */
export interface Sight {
  readonly lease: Lease | undefined
  readonly sinceMs: number
}

/** What a candidate does with what it sees. */
export type LeaseStep = 'create' | 'renew' | 'take' | 'wait'

/**
 * The decision of a candidate. Clocks of different machines are never compared: another holder's lease has expired when we saw it unchanged
 * for as long as it was given.
 */
export function leaseStep(sight: Sight, identity: string, nowMs: number): LeaseStep {
  if (!sight.lease) return 'create'
  const { holderIdentity = '', leaseDurationSeconds = 0 } = sight.lease.spec ?? {}
  if (holderIdentity === identity) return 'renew'
  if (holderIdentity === '') return 'take'
  return nowMs - sight.sinceMs >= leaseDurationSeconds * 1000 ? 'take' : 'wait'
}

/** Keeps what was seen for longest: the moment only moves when the Lease does. */
export function look(before: Sight, lease: Lease | undefined, nowMs: number): Sight {
  const isSame = before.lease?.metadata.resourceVersion === lease?.metadata.resourceVersion
  return isSame ? { lease, sinceMs: before.sinceMs } : { lease, sinceMs: nowMs }
}

/** Lets one of several processes lead. */
export class LeaderElection {
  readonly #options: LeaseOptions
  readonly #clock: Clock
  readonly #durationMs: number
  #sight: Sight
  /** Why the last attempt failed, if it did. */
  #failure = ''
  /** Until when nobody else can have taken the lease. */
  #safeUntilMs = 0

  constructor(options: LeaseOptions) {
    this.#options = options
    this.#clock = options.clock ?? MONOTONIC_CLOCK
    this.#durationMs = Math.max(1_000, options.durationMs ?? 15_000)
    this.#sight = { lease: undefined, sinceMs: this.#clock.now() }
    this.#setGauge(0)
  }

  /** Whether this process leads at this moment. */
  get isLeader(): boolean {
    return this.#clock.now() < this.#safeUntilMs
  }

  /** Who leads, as far as is known; empty when nobody does. */
  get holder(): string {
    return this.#sight.lease?.spec?.holderIdentity ?? ''
  }

  /**
   * Waits for the lease and then calls `lead`, whose signal aborts when the lease is lost or `signal` does. When it was lost and `lead` has
   * ended, contends again. Resolves when `signal` aborted and the lease is given back, or when `lead` returned by itself; rejects when it threw
   * while it led. An error of what was interrupted says only that.
   */
  async run(signal: AbortSignal, lead: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { log, name, identity } = this.#options
    while (!signal.aborted) {
      if (!(await this.#acquire(signal))) return
      log.info('became leader', { lease: name, identity })
      this.#setGauge(1)
      const lost = new AbortController()
      const ended = new AbortController()
      const leading = lead(AbortSignal.any([signal, lost.signal])).finally(() => ended.abort())
      leading.catch(() => undefined) // heard below, after the lease is given back
      const isLost = await this.#hold(AbortSignal.any([signal, ended.signal]))
      this.#setGauge(0)
      if (isLost) {
        log.warn('lost the lease', { lease: name, identity, holder: this.holder })
        lost.abort(new Error(`lost the lease ${name}`))
      }
      await leading.catch(() => undefined).then(() => this.#release())
      await leading.catch((error: unknown) => {
        if (!isLost && !signal.aborted) throw error
        log.debug('what led was interrupted', { lease: name, error: error instanceof Error ? error.message : String(error) })
      })
      if (!isLost) return
    }
  }

  async #acquire(signal: AbortSignal): Promise<boolean> {
    for (;;) {
      if (signal.aborted) return false
      if (await this.#attempt(signal)) return true
      await pause(this.#periodMs(), signal)
    }
  }

  /** Renews until told to stop (false) or until the lease can no longer be counted on (true). */
  async #hold(stop: AbortSignal): Promise<boolean> {
    for (;;) {
      await pause(this.#periodMs(), stop)
      if (stop.aborted) return false
      // An attempt that hangs must not outlive the time for which we may lead.
      const left = Math.max(1, this.#safeUntilMs - this.#clock.now())
      await this.#attempt(AbortSignal.any([stop, AbortSignal.timeout(Math.ceil(left))]))
      if (stop.aborted) return false
      if (!this.isLeader) return true
    }
  }

  /** Reads the Lease and does what it asks for; true when we hold it now. Failures are logged and count as "not". */
  async #attempt(signal: AbortSignal): Promise<boolean> {
    const { client, namespace, name, identity, log } = this.#options
    // Counted from before the request: the server may have stored the renewal at once and answered late.
    const askedMs = this.#clock.now()
    try {
      const read = await client.get(LEASES, { namespace, name }, { signal })
      this.#sight = look(this.#sight, read, this.#clock.now())
      const step = leaseStep(this.#sight, identity, this.#clock.now())
      if (step === 'wait') {
        this.#safeUntilMs = 0
        return false
      }
      const written = await this.#write(step, signal)
      this.#sight = { lease: written, sinceMs: this.#clock.now() }
      this.#failure = ''
      // A third of the time is kept as a margin for what is under way when the lease is lost.
      this.#safeUntilMs = askedMs + (this.#durationMs * 2) / 3
      return true
    } catch (error) {
      if (signal.aborted) return false
      const reason = error instanceof KubeApiError ? error.reason : 'Error'
      const isNews = reason !== this.#failure && reason !== 'Conflict' // losing a race for the lease is ordinary
      this.#failure = reason
      log.log(isNews ? 'warn' : 'debug', 'lease attempt failed', {
        lease: name,
        reason,
        error: error instanceof Error ? error.message : '',
      })
      return false
    }
  }

  async #write(step: 'create' | 'renew' | 'take', signal: AbortSignal): Promise<Lease> {
    const { client, namespace, name, identity } = this.#options
    const now = new Date().toISOString().replace('Z', '000Z') // a MicroTime has six digits
    const { lease } = this.#sight
    const spec = { holderIdentity: identity, leaseDurationSeconds: Math.ceil(this.#durationMs / 1000), renewTime: now }
    const taken = { ...spec, acquireTime: now, leaseTransitions: (lease?.spec?.leaseTransitions ?? -1) + 1 }
    if (!lease) return client.create(LEASES, { metadata: { namespace, name }, spec: taken }, { signal })
    const { resourceVersion } = lease.metadata
    return client.mergePatch(
      LEASES,
      { namespace, name },
      { metadata: { resourceVersion }, spec: step === 'renew' ? spec : taken },
      { signal },
    )
  }

  /** Gives the lease back so that the next one need not wait for it to expire. */
  async #release(): Promise<void> {
    const { client, namespace, name, identity, log } = this.#options
    const wasLeader = this.isLeader
    const { lease } = this.#sight
    this.#safeUntilMs = 0
    if (!wasLeader || lease?.spec?.holderIdentity !== identity) return
    try {
      const patch = { metadata: { resourceVersion: lease.metadata.resourceVersion }, spec: { holderIdentity: '', leaseDurationSeconds: 1 } }
      await client.mergePatch(LEASES, { namespace, name }, patch, { timeoutMs: 2_000 })
      log.info('gave the lease back', { lease: name, identity })
    } catch (error) {
      log.warn('could not give the lease back', { lease: name, reason: error instanceof KubeApiError ? error.reason : 'Error' })
    }
  }

  /** Five tries fit in the time for which the lease is safe; chance keeps candidates from marching in step. */
  #periodMs(): number {
    return spreadMs(this.#durationMs / 7.5, 0.2, Math.random())
  }

  #setGauge(value: number): void {
    this.#options.metrics?.leader.set({ lease: this.#options.name }, value)
  }
}
