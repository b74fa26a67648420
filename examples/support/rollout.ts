import { agentsOf } from './agents.ts'
import type { Answer } from './client.ts'
import { show, watch } from './shell.ts'

/** The status of a rollout of either kind, as far as examples look at it. */
export type RolloutStatus = {
  step?: string
  weights?: readonly { revision: string; percent: number; inForce?: number; samples: number; failed: number }[]
  state?: {
    activity: 'Idle' | 'Stepping' | 'Promoting' | 'Returning' | 'Aborted'
    templateRevision: string
    targetRevision: string
    stableRevision?: string
    attempt: number
    failure?: { reason: string; message: string }
    answer?: { id: string; accepted: boolean; message: string }
  }
}
type State = NonNullable<RolloutStatus['state']>

/** How a rollout ended: `afterMs` is the time since the change of the template. */
export type Ended = { readonly state: State; readonly afterMs: number }

/** Follows a rollout as `kubectl get --watch` shows it, and tells what it does. */
export class RolloutWatch {
  readonly #object: string
  readonly #stop: () => Promise<void>
  readonly #looking = new Set<() => void>()
  #status: RolloutStatus | undefined
  #told = ''
  #sinceMs = performance.now()

  /** `object` is such as `canaryrollout/desk`. */
  constructor(object: string) {
    this.#object = object
    this.#stop = watch(['get', object, '--watch', '-o', 'jsonpath={.status}{"\\n"}'], (line) => {
      this.#status = JSON.parse(line) as RolloutStatus
      for (const look of this.#looking) look()
    })
  }

  /** Waits until this holds of the status. */
  async until(what: string, holds: (state: State, status: RolloutStatus) => boolean, ms = 60_000): Promise<State> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const { state } = this.#status ?? {}
        if (!state || !holds(state, this.#status ?? {})) return
        clearTimeout(timer)
        this.#looking.delete(look)
        resolve(state)
      }
      const timer = setTimeout(() => {
        this.#looking.delete(look)
        reject(new Error(`gave up waiting: ${what} (${ms / 1000} s); the rollout says ${JSON.stringify(this.#status)}`))
      }, ms)
      this.#looking.add(look)
      look()
    })
  }

  /** Sets a variable in the template of the swarm, and waits until the rollout has begun with it. */
  async release(swarm: string, name: string, value: string): Promise<State> {
    const before = await this.until('it has looked at the swarm', ({ activity }) => activity === 'Idle' || activity === 'Aborted')
    this.#sinceMs = performance.now()
    await show('patch', 'swarm', swarm, '--type=merge', '-p', JSON.stringify({ spec: { template: { env: [{ name, value }] } } }))
    return this.until('it has seen the template', (state) => state.templateRevision !== before.templateRevision)
  }

  /** Prints each step from now on, until the rollout has ended. */
  async end(): Promise<Ended> {
    const tell = () => this.#tell()
    this.#looking.add(tell)
    tell()
    const state = await this.until('the end', ({ activity }) => activity === 'Idle' || activity === 'Aborted').finally(() =>
      this.#looking.delete(tell),
    )
    return { state, afterMs: performance.now() - this.#sinceMs }
  }

  /** Asks for something, as docs/rollouts.md has it, and waits for the answer. */
  async ask(action: string, more: { revision?: string } = {}): Promise<void> {
    const id = `${Date.now()}`
    this.#sinceMs = performance.now()
    const patch = JSON.stringify({ status: { request: { id, action, ...more } } })
    const [kind = '', name = ''] = this.#object.split('/')
    await show('patch', kind, name, '--subresource=status', '--type=merge', '-p', patch)
    const { answer } = await this.until(`${action} is answered`, (state) => state.answer?.id === id)
    console.log(`  answer: ${answer?.message}`)
  }

  async stop(): Promise<void> {
    await this.#stop()
  }

  #tell(): void {
    const { step, weights = [], state } = this.#status ?? {}
    if (!state) return
    const shares = weights.map(({ revision, percent }) => `${revision} ${percent} %`).join(', ')
    const where = step ?? state.activity
    const line = `${where.padEnd(26)} ${shares}`
    if (line !== this.#told) console.log(`  ${this.#seconds().padStart(6)} s  ${line}`)
    this.#told = line
  }

  #seconds(): string {
    return `+${((performance.now() - this.#sinceMs) / 1000).toFixed(1)}`
  }
}

/** What clients saw of a revision: attempts that went to its agents, those of them that failed, and from the first failed one to the last. */
export type Seen = { readonly attempts: number; readonly failed: number; readonly lastAfterMs: number }

/** Looks at answers for attempts of one revision, whose agents must still be there. */
export async function seenOf(swarm: string, revision: string, answers: readonly Answer[]): Promise<Seen> {
  const agents = (await agentsOf(swarm)).filter(({ metadata }) => metadata.labels?.['swarmops.dev/revision'] === revision)
  const names = new Set(agents.map(({ metadata }) => metadata.name))
  const attempts = answers.flatMap(({ endedMs, body }) =>
    (body.attempts ?? []).filter(({ agent }) => names.has(agent)).map(({ outcome }) => ({ endedMs, isFailed: outcome !== 'Done' })),
  )
  const failed = attempts.filter(({ isFailed }) => isFailed)
  const first = Math.min(...failed.map(({ endedMs }) => endedMs))
  const last = Math.max(...attempts.map(({ endedMs }) => endedMs))
  return { attempts: attempts.length, failed: failed.length, lastAfterMs: failed.length > 0 ? last - first : 0 }
}
