import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { expect } from 'chai'
import type { Call } from '../../../src/router/call.ts'
import { Host } from '../../../src/router/host.ts'
import { IDLE_PROBE_MS } from '../../../src/router/limits.ts'
import { Prober } from '../../../src/router/prober.ts'
import { SwarmEntry } from '../../../src/router/swarm-entry.ts'
import { Upstream } from '../../../src/router/upstream.ts'
import { eventually } from '../../support/wait.ts'

const AGENTS = 500
const PER_SECOND = 250
const PROBE = { path: '/health', timeoutMs: 100, intervalMs: 100, failureThreshold: 3 }

/** The prober over real HTTP, with many agents behind one address, as behind the provider's proxy. */
class Bench {
  readonly entry = new SwarmEntry<Call>('n', 's')
  readonly hosts: Host[] = []
  readonly upstream = new Upstream()
  /** Probes that have arrived, by agent, in their order. */
  readonly probed: string[] = []
  readonly silent = new Set<string>()
  /** Agents that have come back by a probe. */
  readonly back: string[] = []
  readonly prober: Prober
  readonly #server: Server
  readonly #held = new Set<ServerResponse>()
  #aheadMs = 0
  startedMs = 0

  constructor() {
    this.#server = createServer((request, response) => {
      const name = String(request.headers['e2b-sandbox-id'])
      this.probed.push(name)
      if (this.silent.has(name)) this.#held.add(response)
      else response.writeHead(200).end('{}')
    })
    this.prober = new Prober({
      upstream: this.upstream,
      now: () => this.now(),
      perSecond: PER_SECOND,
      observe: () => undefined,
      healthChanged: (_entry, { slot }) => void (slot.isUnreachable || this.back.push(slot.facts.name)),
    })
  }

  now(): number {
    return performance.now() + this.#aheadMs
  }

  /** Lets so much time pass at once. */
  advance(ms: number): void {
    this.#aheadMs += ms
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    const origin = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
    for (let i = 0; i < AGENTS; i++) {
      const name = `agent-${i}`
      const facts = {
        namespace: 'n',
        swarm: 's',
        name,
        uid: name,
        group: '',
        place: i,
        revision: 'r',
        isCandidate: true,
        isDraining: false,
      }
      const host = new Host(this.entry.fleet.put(facts, this.now()), PROBE)
      host.address = { origin, headers: ['e2b-sandbox-id', name] }
      this.hosts.push(host)
      this.prober.know(this.entry, host)
    }
    this.startedMs = performance.now()
    this.prober.start()
  }

  /** Answers the probes that were held, and those that come from now on. */
  answerHeld(): void {
    this.silent.clear()
    for (const response of this.#held) response.writeHead(200).end('{}')
    this.#held.clear()
  }

  async stop(): Promise<void> {
    this.prober.stop()
    await this.upstream.close()
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }

  /** A task that only its own end or the prober ends. */
  task(host: Host): { outcome: string | undefined } {
    const task: { outcome: string | undefined } = { outcome: undefined }
    const running = {
      abort: (outcome: string) => {
        task.outcome = outcome
        host.running.delete(running)
        this.prober.ended(this.entry, host, false)
      },
    }
    host.running.add(running)
    this.prober.began(this.entry, host)
    return task
  }

  /** Waits for so many probes and checks that they were no more than the time allows: the rate, and one second of it in store. */
  async expectBounded(count: number): Promise<void> {
    await eventually(`${count} probes`, () => this.probed.length >= count)
    const seconds = (performance.now() - this.startedMs) / 1000
    expect(this.probed.length).to.be.at.most(PER_SECOND * (seconds + 1))
  }
}

describe('probes of many agents', () => {
  let bench: Bench
  beforeEach(async () => {
    bench = new Bench()
    await bench.start()
  })
  afterEach(() => bench.stop())

  it('stay within their rate when all agents are out at once, and every one has its turn', async () => {
    for (const host of bench.hosts) {
      bench.silent.add(host.slot.facts.name)
      host.slot.absence = 'Lost'
      bench.prober.suspect(bench.entry, host)
    }
    await bench.expectBounded(AGENTS)
    await eventually('every agent was probed', () => new Set(bench.probed).size === AGENTS)
    await bench.expectBounded(AGENTS)
  })

  it('stay within their rate when all agents have tasks and are quiet', async () => {
    for (const host of bench.hosts) host.probe = { ...PROBE, timeoutMs: 10_000 } // all are well: a slow machine is no reason to end tasks
    const tasks = bench.hosts.map((host) => bench.task(host))
    await bench.expectBounded(AGENTS)
    await eventually('every agent was probed', () => new Set(bench.probed).size === AGENTS)
    expect(tasks.filter(({ outcome }) => outcome !== undefined)).to.deep.equal([])
  })

  it('stay within their rate when all idle agents are due at the same moment', async () => {
    bench.advance(IDLE_PROBE_MS)
    await bench.expectBounded(AGENTS)
    await eventually('every agent was probed', () => new Set(bench.probed).size === AGENTS)
    await bench.expectBounded(AGENTS)
  })

  it('go to agents with open tasks first: one that hangs is found although hundreds are out or due', async () => {
    bench.advance(IDLE_PROBE_MS)
    const [busy, ...others] = bench.hosts
    if (!busy) throw new Error('there is no agent')
    for (const host of others.slice(0, AGENTS - 100)) {
      bench.silent.add(host.slot.facts.name)
      host.slot.absence = 'Lost'
      bench.prober.suspect(bench.entry, host)
    }
    await eventually('the agents that are out are probed', () => bench.probed.length >= PER_SECOND)
    const before = bench.probed.length
    bench.silent.add(busy.slot.facts.name)
    const task = bench.task(busy)
    await eventually('its task is ended', () => task.outcome === 'Hung')
    // Had it to wait for its turn among the others, each of its three probes would have come after hundreds.
    expect(bench.probed.length - before).to.be.lessThan(AGENTS / 2)
    expect(busy.slot.isUnreachable).to.equal(true)
    await bench.expectBounded(before)
  })

  it('find an agent that is back, and cost nothing while agents show signs of life by themselves', async () => {
    const [first] = bench.hosts
    if (!first) throw new Error('there is no agent')
    first.slot.absence = 'Lost'
    bench.prober.suspect(bench.entry, first)
    await eventually('it is back', () => !first.slot.isUnreachable)
    expect(bench.probed).to.deep.equal([first.slot.facts.name])
  })

  it('bring nobody back by an answer to a probe that was on its way when the agent was lost', async () => {
    const [first] = bench.hosts
    if (!first) throw new Error('there is no agent')
    const { name } = first.slot.facts
    bench.silent.add(name)
    bench.prober.lead(first, true)
    await eventually('it is probed', () => bench.probed.length === 1)
    first.slot.absence = 'Lost'
    bench.prober.suspect(bench.entry, first)
    bench.answerHeld()
    await eventually('it is back', () => bench.back.length > 0)
    expect([bench.probed, bench.back]).to.deep.equal([[name, name], [name]])
  })

  it('ask at once when an agent that is out has answered a task', async () => {
    const [first] = bench.hosts
    if (!first) throw new Error('there is no agent')
    const { name } = first.slot.facts
    bench.task(first)
    first.slot.absence = 'Lost'
    bench.prober.suspect(bench.entry, first)
    first.nextProbeMs = bench.now() + IDLE_PROBE_MS
    bench.prober.ended(bench.entry, first, true)
    await eventually('it is back', () => bench.back.length > 0)
    expect(bench.probed).to.deep.equal([name])
  })

  it('tell a silent agent from a lost one: a check that is refused is more than one that is not answered', async () => {
    const [silent, lost] = bench.hosts
    if (!silent || !lost) throw new Error('there are no agents')
    lost.address = { origin: 'http://127.0.0.1:9', headers: [] } // nothing listens there
    bench.silent.add(silent.slot.facts.name)
    for (const host of [silent, lost]) bench.task(host)
    await eventually('both are out', () => silent.slot.isUnreachable && lost.slot.isUnreachable)
    expect([silent.slot.absence, lost.slot.absence]).to.deep.equal(['Silent', 'Lost'])
    silent.address = lost.address
    await eventually('the silent one is lost, too', () => silent.slot.absence === 'Lost')
  })
})
