import type { Backend } from './backend.ts'
import { ApiError } from './errors.ts'
import { newSandboxId, Sandbox, type SandboxSpec } from './sandbox.ts'

/** Makes what is behind a new sandbox. */
export type MakeBackend = (identity: { id: string; templateId: string; envs: Readonly<Record<string, string>> }) => Promise<Backend>

/** The longest delay that a timer takes. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** All sandboxes of the server: their births, timeouts, pauses and ends. */
export class Fleet {
  readonly #sandboxes = new Map<string, Sandbox>()
  readonly #timers = new Map<string, NodeJS.Timeout>()
  readonly #ending = new Set<Promise<void>>()
  readonly #changing = new Map<string, Promise<void>>()
  readonly #makeBackend: MakeBackend
  readonly #births = new Set<Promise<unknown>>()
  #starting = 0
  #running = 0
  #isClosed = false

  constructor(makeBackend: MakeBackend) {
    this.#makeBackend = makeBackend
  }

  get all(): Iterable<Sandbox> {
    return this.#sandboxes.values()
  }

  /** Sandboxes that count against the provider's cap; those being made count already. */
  get runningCount(): number {
    return this.#running + this.#starting
  }

  get(id: string): Sandbox | undefined {
    return this.#sandboxes.get(id)
  }

  /** The sandbox of this id, or the API's 404. */
  find(id: string): Sandbox {
    const sandbox = this.#sandboxes.get(id)
    if (sandbox === undefined) throw new ApiError(404, `sandbox "${id}" doesn't exist or you don't have access to it`)
    return sandbox
  }

  /** Makes a sandbox; `ready` passes before it begins to live, as a slow provider would take. */
  async create(spec: SandboxSpec, ready: () => Promise<void>): Promise<Sandbox> {
    this.#starting++
    try {
      await ready()
      if (this.#isClosed) throw new ApiError(503, 'the server is shutting down')
      const birth = this.#bear(spec)
      this.#births.add(birth)
      return await birth.finally(() => this.#births.delete(birth))
    } finally {
      this.#starting--
    }
  }

  async #bear(spec: SandboxSpec): Promise<Sandbox> {
    const id = newSandboxId()
    const sandbox = new Sandbox(id, spec, await this.#makeBackend({ id, templateId: spec.templateId, envs: spec.envs }))
    this.#sandboxes.set(id, sandbox)
    this.#running++
    this.#arm(sandbox)
    return sandbox
  }

  /** Sets when the sandbox's life ends. */
  endAt(sandbox: Sandbox, endAtMs: number): void {
    sandbox.endAtMs = endAtMs
    this.#arm(sandbox)
  }

  /** Freezes everything in it. False when it is paused already. */
  async pause(sandbox: Sandbox): Promise<boolean> {
    return this.#oneByOne(sandbox, async () => {
      if (sandbox.state !== 'running') return false
      sandbox.state = 'paused'
      this.#running--
      clearTimeout(this.#timers.get(sandbox.id))
      sandbox.cutOff()
      await sandbox.backend.freeze()
      return true
    })
  }

  /** Lets everything in it go on. False when it was running. */
  async resume(sandbox: Sandbox, endAtMs: number): Promise<boolean> {
    return this.#oneByOne(sandbox, async () => {
      if (sandbox.state !== 'paused') return false
      // One that a fault has frozen stays so.
      if (!sandbox.isFrozen) await sandbox.backend.thaw()
      // It may have been ended meanwhile; what has ended stays so.
      if (!this.#sandboxes.has(sandbox.id)) return false
      sandbox.state = 'running'
      this.#running++
      this.endAt(sandbox, endAtMs)
      return true
    })
  }

  /** Ends the sandbox; resolves when no process of it is left. */
  async end(sandbox: Sandbox): Promise<void> {
    if (!this.#sandboxes.delete(sandbox.id)) return
    if (sandbox.state === 'running') this.#running--
    sandbox.state = 'ended'
    clearTimeout(this.#timers.get(sandbox.id))
    this.#timers.delete(sandbox.id)
    sandbox.letGo()
    const ending = sandbox.backend.end()
    this.#ending.add(ending)
    try {
      await ending
    } finally {
      this.#ending.delete(ending)
    }
  }

  /** Ends all sandboxes, those too that are being made, and makes no more. */
  async endAll(): Promise<void> {
    this.#isClosed = true
    await Promise.allSettled(this.#births)
    await Promise.allSettled([...this.#sandboxes.values()].map(async (sandbox) => this.end(sandbox)))
    await Promise.allSettled(this.#ending)
  }

  /** A pause and a resume of one sandbox never overlap. */
  async #oneByOne(sandbox: Sandbox, change: () => Promise<boolean>): Promise<boolean> {
    const before = this.#changing.get(sandbox.id) ?? Promise.resolve()
    const result = before.then(change)
    const done = result.then(
      () => undefined,
      () => undefined,
    )
    this.#changing.set(sandbox.id, done)
    await done
    if (this.#changing.get(sandbox.id) === done) this.#changing.delete(sandbox.id)
    return result
  }

  #arm(sandbox: Sandbox): void {
    clearTimeout(this.#timers.get(sandbox.id))
    if (sandbox.state !== 'running') return
    const delay = Math.min(MAX_TIMER_MS, Math.max(0, sandbox.endAtMs - Date.now()))
    this.#timers.set(
      sandbox.id,
      setTimeout(() => this.#onTimeout(sandbox), delay),
    )
  }

  #onTimeout(sandbox: Sandbox): void {
    if (Date.now() < sandbox.endAtMs) return this.#arm(sandbox)
    void (sandbox.spec.autoPause ? this.pause(sandbox) : this.end(sandbox)).catch(() => undefined)
  }
}
