import { randomBytes } from 'node:crypto'
import type { Backend } from './backend.ts'
import { Gate } from './gate.ts'
import type { Fields } from './input.ts'
import type { Listed } from './listing.ts'
import { ENVD_VERSION } from './limits.ts'
import type { MetricsPoint } from './metrics.ts'
import { SIZE, type Size } from './template.ts'

/** What a sandbox is created from. */
export type SandboxSpec = {
  readonly templateId: string
  readonly alias: string
  readonly metadata: Readonly<Record<string, string>>
  readonly envs: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly autoPause: boolean
  readonly autoResume: boolean
  readonly allowInternetAccess: boolean | undefined
  readonly network: Fields | undefined
  /** What its template gives it. */
  readonly size?: Size
}

/** A watch whose events are fetched by polling. */
export type PolledWatcher = { readonly events: unknown[]; readonly stop: () => void }

const ID_LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** A new id as the provider makes them: `i` and twenty letters and digits. */
export function newSandboxId(): string {
  return `i${[...randomBytes(20)].map((byte) => ID_LETTERS.charAt(byte % ID_LETTERS.length)).join('')}`
}

/** One sandbox: what the control plane knows of it, and what is behind it. */
export class Sandbox implements Listed {
  readonly id: string
  readonly spec: SandboxSpec
  readonly backend: Backend
  readonly startedAtMs: number
  readonly envdAccessToken = randomBytes(32).toString('hex')
  readonly trafficAccessToken: string | undefined
  readonly gate = new Gate()
  /** For every request under way inside the sandbox, how to cut it off. */
  readonly underWay = new Set<() => void>()
  readonly metrics: MetricsPoint[] = []
  readonly polled = new Map<string, PolledWatcher>()
  network: Fields
  allowInternetAccess: boolean | undefined
  state: 'running' | 'paused' | 'ended' = 'running'
  endAtMs: number
  isFrozen = false
  watchers = 0

  constructor(id: string, spec: SandboxSpec, backend: Backend) {
    this.id = id
    this.spec = spec
    this.backend = backend
    this.startedAtMs = Date.now()
    this.endAtMs = this.startedAtMs + spec.timeoutMs
    this.network = spec.network ?? {}
    this.allowInternetAccess = spec.allowInternetAccess
    this.trafficAccessToken = this.network['allowPublicTraffic'] === false ? randomBytes(32).toString('hex') : undefined
  }

  get templateId(): string {
    return this.spec.templateId
  }

  get alias(): string {
    return this.spec.alias
  }

  get size(): Size {
    return this.spec.size ?? SIZE
  }

  get metadata(): Readonly<Record<string, string>> {
    return this.spec.metadata
  }

  /** Lets go of every client: the ones that wait, the ones that are connected, the watchers. */
  letGo(): void {
    this.gate.close()
    this.cutOff()
    for (const watcher of this.polled.values()) watcher.stop()
    this.polled.clear()
  }

  /** Cuts off the requests that are under way. */
  cutOff(): void {
    for (const cut of this.underWay) cut()
    this.underWay.clear()
  }

  /** The answer to create and connect. */
  connection(domain: string): Record<string, unknown> {
    return {
      sandboxID: this.id,
      templateID: this.templateId,
      alias: this.alias,
      clientID: 'e2b-local',
      envdVersion: ENVD_VERSION,
      envdAccessToken: this.envdAccessToken,
      trafficAccessToken: this.trafficAccessToken ?? null,
      domain,
    }
  }

  /** The entry in the list. */
  summary(): Record<string, unknown> {
    return {
      sandboxID: this.id,
      templateID: this.templateId,
      alias: this.alias,
      clientID: 'e2b-local',
      startedAt: new Date(this.startedAtMs).toISOString(),
      endAt: new Date(this.endAtMs).toISOString(),
      ...this.size,
      metadata: this.metadata,
      state: this.state,
      envdVersion: ENVD_VERSION,
      volumeMounts: [],
    }
  }

  /** The answer to a request for this sandbox alone. */
  detail(domain: string): Record<string, unknown> {
    return {
      ...this.summary(),
      domain,
      envdAccessToken: this.envdAccessToken,
      allowInternetAccess: this.allowInternetAccess ?? true,
      network: { ...this.network, allowPublicTraffic: this.network['allowPublicTraffic'] ?? true },
      lifecycle: { onTimeout: this.spec.autoPause ? 'pause' : 'kill', autoResume: this.spec.autoResume },
    }
  }
}
