import { dirname, relative } from 'node:path'
import { Sandbox } from 'e2b'
import { agentsOf, isReady, type Agent } from './agents.ts'
import { SwarmClient, type Answer, type Task } from './client.ts'
import { show, step, until } from './shell.ts'
import { summary } from './tables.ts'

/** Agents to be killed while tasks run. A problem is a lost task, but for the codes in `fine`: those are answers, too. */
export type Kill = {
  readonly victims: readonly Agent[]
  readonly tasks: readonly Task[]
  readonly parallel?: number
  readonly fine?: readonly string[]
  /** What else is done right after the kill. */
  readonly meanwhile?: () => Promise<void>
}

/** What became of the tasks meanwhile. `killedMs` is on the clock of `performance.now()`. */
export type Survived = { readonly answers: readonly Answer[]; readonly killedMs: number }

/** Answers that are waited for before a kill, so that it meets a swarm at work. */
const WARM = 100

/** One example at work: what all of them do alike. */
export class Tour {
  readonly client: SwarmClient
  readonly #swarm: string
  readonly #failures: string[] = []
  #steps = 0

  private constructor(router: string, swarm: string) {
    this.#swarm = swarm
    this.client = new SwarmClient(router, swarm)
  }

  /**
   * Applies the example in the directory of `file`, waits until it is ready, runs `steps`, and deletes it again unless
   * `--keep` was asked for. The process fails when a check did.
   */
  static async run(file: string, swarm: string, steps: (tour: Tour) => Promise<void>): Promise<void> {
    const router = process.env['SWARM_ROUTER_URL']
    if (!router || !process.env['KUBECONFIG'] || !process.env['E2B_API_KEY'])
      throw new Error('start the system first: make up, then: . .dev/env')
    const directory = relative(process.cwd(), dirname(file)) || '.'
    const tour = new Tour(router, swarm)
    try {
      tour.step('Apply the manifest and wait until the agents are ready')
      await show('apply', '-k', directory)
      await show('wait', `swarm/${swarm}`, '--for=condition=Ready', '--timeout=120s')
      await tour.whole()
      await steps(tour)
    } finally {
      await tour.client.close()
      if (!process.argv.includes('--keep')) {
        tour.step('Clean up: agents and sandboxes go with the Swarm')
        await show('delete', '-k', directory, '--timeout=60s')
      }
    }
    if (tour.#failures.length > 0) console.log(`\n${tour.#failures.length} checks failed`)
    process.exitCode = tour.#failures.length === 0 ? 0 : 1
  }

  step(title: string): void {
    this.#steps += 1
    step(`${this.#steps}  ${title}`)
  }

  say(text: string): void {
    for (const line of text.split('\n')) console.log(line === '' ? '' : `  ${line}`)
  }

  check(isGood: boolean, what: string): void {
    this.say(`${isGood ? '✓' : '✗'} ${what}`)
    if (!isGood) this.#failures.push(what)
  }

  /** The ready agents of a group, or all. */
  async ready(group?: string): Promise<Agent[]> {
    return (await agentsOf(this.#swarm)).filter((agent) => isReady(agent) && (group === undefined || agent.spec?.group === group))
  }

  /** Resolves when the router has every agent that the operator says is ready, and nothing comes or goes. */
  async whole(): Promise<void> {
    await until('the router knows all agents', async () => {
      const agents = await agentsOf(this.#swarm)
      const { agents: seen } = await this.client.view()
      return agents.every(isReady) && seen.length === agents.length && seen.every((a) => a.health === 'Healthy') ? true : undefined
    })
  }

  /** Ends the sandboxes of agents of one group at the provider, behind the operator's back, and tells how the swarm gets over it. */
  async kill({ victims, tasks, parallel = 8, fine = [], meanwhile }: Kill): Promise<Survived> {
    const before = new Set((await agentsOf(this.#swarm)).map((a) => a.metadata.name))
    const load = this.client.keepAsking(tasks, parallel)
    await until('tasks are running', () => (load.answers.length >= WARM ? true : undefined))
    const names = victims.map((victim) => victim.metadata.name).join(' and ')
    this.say(`${parallel} clients send tasks; killing the sandbox of ${names} behind the operator's back`)
    const killedMs = performance.now()
    await Promise.all(victims.map(async ({ status }) => Sandbox.kill(status?.sandbox?.id ?? '')))
    await meanwhile?.()
    const successors = await until('replacements are ready', async () => {
      const fresh = (await this.ready(victims[0]?.spec?.group)).filter((a) => !before.has(a.metadata.name))
      return fresh.length >= victims.length ? fresh : undefined
    })
    const seconds = ((performance.now() - killedMs) / 1000).toFixed(1)
    const were = successors.length > 1 ? 'were' : 'was'
    this.say(`${successors.map((a) => a.metadata.name).join(' and ')} took over and ${were} ready ${seconds} s after the kill`)
    await this.whole()
    const answers = await load.stop()
    const isFine = (a: Answer) => a.ok || fine.includes(a.body.code ?? '')
    this.say(summary(answers.map((a) => ({ ...a, ok: isFine(a) }))).trim())
    const slowest = Math.max(...answers.filter((a) => a.endedMs > killedMs).map((a) => a.ms))
    this.say(`the slowest task after the kill took ${slowest.toFixed(0)} ms`)
    const lost = answers.filter((a) => !isFine(a)).length
    this.check(lost === 0, `no task was lost${lost > 0 ? `, but ${lost} were` : ''}`)
    return { answers, killedMs }
  }
}

/** The first answer after a moment that is by another agent than `old`, and how long after. */
export function firstBy(answers: readonly Answer[], sinceMs: number, old: string): { agent: string; afterMs: number } | undefined {
  const [first] = answers.filter((a) => a.ok && a.endedMs > sinceMs && a.agent !== old).sort((a, b) => a.endedMs - b.endedMs)
  return first && { agent: first.agent, afterMs: first.endedMs - sinceMs }
}
