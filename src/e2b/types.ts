/** How long a call may take, its wait for a turn not counted, and what ends it early. */
export type CallOptions = { readonly signal?: AbortSignal; readonly timeoutMs?: number }

/** Where the provider is. With `apiUrl` and `sandboxUrl` the e2b package talks to another server than the cloud. */
export type Endpoints = { readonly apiUrl?: string; readonly sandboxUrl?: string; readonly domain?: string }

/** What a sandbox is made from. */
export type CreateRequest = {
  readonly templateId: string
  readonly metadata: Readonly<Record<string, string>>
  /** Lifetime unless it is extended, in milliseconds. */
  readonly timeoutMs: number
  readonly network: { readonly allowInternetAccess: boolean; readonly allowPublicTraffic: boolean }
}

/** A sandbox as the provider's list shows it. */
export type SandboxInfo = {
  readonly sandboxId: string
  readonly templateId: string
  readonly metadata: Readonly<Record<string, string>>
  readonly state: 'running' | 'paused'
  readonly startedAtMs: number
  readonly endAtMs: number
  /** What is allocated to it; absent when the provider does not say. */
  readonly size?: { readonly cpus: number; readonly memoryMib: number }
  /** Only when asked for one sandbox. */
  readonly domain?: string
}

/** A file to be written; a relative path starts at the sandbox user's home. */
export type SandboxFile = { readonly path: string; readonly content: string | Uint8Array }

/** The agent's process. Secrets belong into `env`: arguments can be seen by every process of the sandbox. */
export type StartRequest = { readonly command: readonly string[]; readonly env: Readonly<Record<string, string>>; readonly cwd?: string }

/** Whether the agent's process has ended. `code` is absent when it vanished without one. `logTail` is for debugging only, it may hold secrets. */
export type Exit = { readonly exited: true; readonly code?: number; readonly logTail: string } | { readonly exited: false }

/** A port of a sandbox. */
export type ProbeTarget = {
  readonly sandboxId: string
  readonly port: number
  readonly domain?: string
  readonly trafficAccessToken?: string
  readonly path: string
}

/**
 * | outcome       | what was seen                                            |
 * |---------------|----------------------------------------------------------|
 * | ready         | 2xx                                                      |
 * | not-listening | the sandbox runs, nothing listens on the port            |
 * | unhealthy     | any other answer                                         |
 * | no-answer     | none in time, or the provider could not be reached       |
 * | sandbox-gone  | the provider knows no running sandbox of this id         |
 */
export type ProbeOutcome = 'ready' | 'not-listening' | 'unhealthy' | 'no-answer' | 'sandbox-gone'

/** What a sandbox used of its own processors and memory, and when the provider measured that (its clock, milliseconds). */
export type SandboxUsage = { readonly cpuPercent: number; readonly memoryPercent: number; readonly measuredMs: number }

/** What holds creates back, for conditions and metrics. */
export type Pressure = { readonly createPausedUntilMs?: number; readonly waiting: number; readonly reason?: string }
