import { after, afterEach, before, beforeEach, it } from 'mocha'
import { expect } from 'chai'
import type { Agent } from '../../src/api/objects.ts'
import { useCluster } from './cluster.ts'
import { costOf, costText, type Cost, type Trial } from './failover.ts'
import type { Load } from './load.ts'
import { System } from './system.ts'
import { TASK_MS } from './team-agent.ts'

/** The swarm that is struck, the tasks that it has meanwhile, and the agents that it has when all is well. */
export type LabOptions = {
  readonly spec: { readonly [field: string]: unknown }
  readonly input: unknown
  readonly agents: number
  /** The program of the agents; the small one when left out. */
  readonly program?: string
  /** Whether an answer is the right one. */
  readonly isRight?: Trial['isRight']
}

/** A trial on the agents that are struck, each of which `strikeAt` hits; without it something else is struck. */
export type Hit = Partial<Omit<Trial, 'victims'>> & {
  readonly victims?: readonly Agent[]
  readonly strikeAt?: (sandbox: string) => Promise<unknown>
  readonly relentAt?: (sandbox: string) => Promise<unknown>
}

const SWARM = 'desk'
const CLIENTS = 4

/** What an agent that is slowed ten times takes more for a task, in milliseconds. */
const SLOWED_MS = 9 * TASK_MS

/** A swarm under load, for one suite: whole before each test and exact after it. What its trials cost is told in the end. */
export class FaultLab {
  readonly #options: LabOptions
  readonly #told: string[] = []
  #parts: { system: System; load: Load; fleet: readonly Agent[] } | undefined
  #system: System | undefined

  /** Registers the hooks of the suite that it is called in. */
  constructor(options: LabOptions) {
    this.#options = options
    before(async () => {
      const system = await System.start({ router: 2 })
      this.#system = system
      if (options.program !== undefined) await system.configMap('agent', { 'agent.mjs': options.program })
      await system.apply(SWARM, options.spec)
    })
    beforeEach(async () => {
      const { system } = this
      await system.settled(SWARM, { timeoutMs: 90_000 })
      await system.isExact(SWARM)
      await system.tasks.routersSee(SWARM, options.agents)
      const fleet = await system.agents(SWARM)
      this.#parts = { system, fleet, load: system.keepAsking(SWARM, CLIENTS, options.input) }
    })
    afterEach(async () => {
      await this.#parts?.load.stop()
      await (await useCluster()).cluster.startApiServer()
    })
    after(async () => {
      for (const line of this.#told) console.log(`      ${line}`)
      await this.#system?.stop()
    })
  }

  get system(): System {
    if (!this.#system) throw new Error('the suite has not begun')
    return this.#system
  }

  /** The agents as they were when the test began, by name. */
  get fleet(): readonly Agent[] {
    return this.#parts?.fleet ?? []
  }

  get load(): Load {
    if (!this.#parts) throw new Error('the test has not begun')
    return this.#parts.load
  }

  /** Something that e2b-local does to a sandbox. */
  readonly kill = async (sandbox: string) => this.system.e2b.admin.fault(sandbox, { type: 'kill' })
  readonly freeze = async (sandbox: string) => this.system.e2b.admin.fault(sandbox, { type: 'freeze' })
  readonly cutOff = async (sandbox: string) => this.system.e2b.admin.fault(sandbox, { type: 'cut-off' })
  readonly slow = async (sandbox: string) => this.system.e2b.admin.fault(sandbox, { type: 'slow', delayMs: SLOWED_MS })
  readonly restore = async (sandbox: string) => this.system.e2b.admin.fault(sandbox, { type: 'restore' })

  /** Kills the processes of a sandbox, which itself lives on. */
  readonly killProcesses = async (sandbox: string) => {
    for (const one of await this.system.e2b.admin.processes()) if (one.sandboxId === sandbox) process.kill(one.pid, 'SIGKILL')
  }

  /** Registers a test for each fault of some agents: `who` names them for the reader. */
  suffersEachFault(who: string, victims: () => readonly Agent[] | Promise<readonly Agent[]>): void {
    const cases = {
      'ends its process': { strikeAt: this.killProcesses },
      'loses its sandbox': { strikeAt: this.kill },
      'freezes for good': { strikeAt: this.freeze },
      'is cut off for a while': { strikeAt: this.cutOff, relentAt: this.restore },
      'is slowed ten times': { strikeAt: this.slow, isUnseen: true },
    }
    for (const [what, hit] of Object.entries(cases)) {
      it(`when ${who} ${what}`, async () => {
        const hits = await victims()
        await this.trial(`${who} ${what}`, { victims: hits, ...hit })
        if (hit.strikeAt === this.slow) for (const { status } of hits) await this.restore(status?.sandbox?.id ?? '')
      })
    }
  }

  /** Registers two tests: some agents lose their sandboxes while the operator is away, and while the API server is. */
  suffersLossAlone(who: string, victims: () => readonly Agent[] | Promise<readonly Agent[]>): void {
    const trial = async (what: string, hits: readonly Agent[]) =>
      this.trial(`${who} loses its sandbox, ${what}`, { victims: hits, strikeAt: this.kill, agents: this.#options.agents - hits.length })
    it(`when ${who} is lost while the operator is away, which replaces it when it is back`, async () => {
      const hits = await victims()
      await this.system.operator?.kill()
      await trial('the operator is away', hits)
      await this.system.startOperator()
    })
    it(`when ${who} is lost while the API server is away`, async () => {
      const hits = await victims()
      await (await useCluster()).cluster.stopApiServer()
      await trial('the API server is away', hits)
    })
  }

  /** Strikes, and tells what it cost; no task may be lost, whatever it is. */
  async trial(name: string, { victims = [], strikeAt, relentAt, ...more }: Hit): Promise<Cost> {
    const { system, load } = this
    const sandboxes = victims.map(({ status }) => status?.sandbox?.id ?? '')
    const all = (one?: (sandbox: string) => Promise<unknown>) => async () => Promise.all(sandboxes.map(async (id) => one?.(id)))
    const cost = await costOf({
      system,
      swarm: SWARM,
      load,
      victims: victims.map(({ metadata }) => metadata.name),
      strike: all(strikeAt),
      ...(relentAt && { relent: all(relentAt) }),
      agents: this.#options.agents,
      ...(this.#options.isRight && { isRight: this.#options.isRight }),
      ...more,
    })
    this.#told.push(costText(name, cost))
    expect(cost.lost, JSON.stringify(load.answers.filter((a) => a.status !== 200).slice(0, 2))).to.equal(0)
    return cost
  }
}
