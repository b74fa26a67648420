import type { Counter, Registry } from 'prom-client'
import type { Logger } from 'winston'
import type { Address } from '../../api/address.ts'
import type { Agent, Swarm } from '../../api/objects.ts'
import { REASON } from '../../api/reasons.ts'
import type { Delivered, Delivery } from '../../e2b/deliveries.ts'
import type { EventRecorder } from '../../kube/events.ts'
import { metricFactory } from '../../metrics/factory.ts'
import type { Graph, Member } from '../../topology/graph.ts'
import { raise } from '../../topology/succession.ts'
import { Outbox } from './outbox.ts'
import { bodyOf, cardOf, headOf, listsOf, positionsOf, resultOf, type Result, type Shape } from './plan.ts'

/** Path of an agent's port to which it is published. */
const PATH = '/swarm'

/** How long changes are gathered before the agents are told. Milliseconds. */
const GATHER_MS = 50

/** How long an agent may take to answer. Milliseconds. */
const ANSWER_MS = 2_000

/** Failures in a row after which people are told: about 15 s. */
const TELL_AFTER = 6

/** A swarm with a topology, as a pass has left it: its epoch and leader are stored. */
export type Links = {
  readonly swarm: Swarm
  readonly shape: Shape
  readonly epoch: number
  readonly leader?: string | undefined
  readonly graph: Graph
  readonly linked: readonly Member[]
  /** Agents that still answer and are about to end. */
  readonly leaving: readonly Member[]
  readonly agents: ReadonlyMap<string, Agent>
}

export type PublisherOptions = {
  deliver(delivery: Delivery, timeoutMs: number): Promise<Delivered>
  addressOf(sandbox: { id: string; domain?: string | undefined; port: number }, token: string | undefined): Address
  tokenOf(namespace: string, swarm: string, agent: string): string | undefined
  /** Since when the agent has answered its checks without a break; undefined while it does not. */
  answersSinceMs(uid: string): number | undefined
  /** Wants a pass over the swarm with this key. */
  wake(key: string): void
  events: Pick<EventRecorder, 'record'>
  registry: Registry
  log: Logger
}

/** What is told of one neighbour; the same object as long as that is the same. */
type Card = { readonly text: string }
/** What one agent is told; the same object as long as that is the same. */
type Letter = { readonly head: string; readonly epoch: number; readonly cards: readonly Card[] }
/** A process of an agent, as far as that can be seen: its sandbox, and since when it has answered. */
type Told = { readonly letter: Letter; readonly process: string }

type Recipient = {
  agent: Agent
  sandboxId: string
  address: Address
  letter: Letter
  process: string
  tried?: Told
  taken?: Told
  /** The sandbox whose agent has no use for this. */
  deafSandboxId?: string
  failures: number
}

type Round = {
  readonly uid: string
  links: Links
  graph?: Graph
  timer?: NodeJS.Timeout
  heardEpoch: number
  cards: ReadonlyMap<string, Card>
  readonly recipients: Map<string, Recipient>
}

/**
 * Tells each agent of a topology its role, the epoch and its neighbours, whenever one of them has changed. What an agent
 * has taken is remembered in memory only: after a restart of the operator everybody is told again. Never makes a pass wait.
 */
export class Publisher {
  readonly #options: PublisherOptions
  readonly #rounds = new Map<string, Round>()
  /** The swarms of the recipients that are known, by UID of the agent. */
  readonly #roundOf = new Map<string, string>()
  readonly #outbox: Outbox
  readonly #published: Counter<'result'>

  constructor(options: PublisherOptions) {
    this.#options = options
    this.#outbox = new Outbox({
      deliver: (uid) => this.#deliver(uid),
      onError: (uid, error) =>
        options.log.error('neighbours could not be told', { agent: this.#find(uid)?.recipient.agent.metadata.name, error }),
      weigh: (uid) => 1 + (this.#find(uid)?.recipient.letter.cards.length ?? 0),
    })
    this.#published = metricsOf(options.registry, () => this.#outbox.size)
  }

  /** Takes what a pass has left, and tells the agents for which that is new, a moment later. */
  update(key: string, links: Links): void {
    const uid = links.swarm.metadata.uid
    if (this.#rounds.get(key)?.uid !== uid) this.forget(key)
    const round: Round = this.#rounds.get(key) ?? { uid, links, heardEpoch: 0, cards: new Map(), recipients: new Map() }
    this.#rounds.set(key, round)
    round.links = links
    round.timer ??= setTimeout(() => {
      delete round.timer
      this.#begin(key, round)
    }, GATHER_MS).unref()
  }

  /** The highest epoch above its own that an agent of the swarm has told; 0 when none has. */
  heardEpoch(key: string, uid: string): number {
    const round = this.#rounds.get(key)
    return round?.uid === uid ? round.heardEpoch : 0
  }

  /** The swarm is gone, or has no topology any more. */
  forget(key: string): void {
    const round = this.#rounds.get(key)
    if (!round) return
    clearTimeout(round.timer)
    for (const uid of round.recipients.keys()) this.#remove(round, uid)
    this.#rounds.delete(key)
  }

  /** Tells nobody any more. */
  stop(): void {
    this.#outbox.stop()
    for (const key of this.#rounds.keys()) this.forget(key)
  }

  #remove(round: Round, uid: string): void {
    round.recipients.delete(uid)
    this.#roundOf.delete(uid)
    this.#outbox.drop(uid)
  }

  #find(uid: string): { key: string; round: Round; recipient: Recipient } | undefined {
    const key = this.#roundOf.get(uid) ?? ''
    const round = this.#rounds.get(key)
    const recipient = round?.recipients.get(uid)
    return round && recipient && { key, round, recipient }
  }

  /** Works out what everybody is to be told, and has those told who do not know it yet. */
  #begin(key: string, round: Round): void {
    const { links } = round
    const { shape, graph, epoch, agents } = links
    const positionOf = positionsOf(shape, links.leader)
    const cards = this.#cards(round, positionOf)
    const isSame = cards === round.cards && graph === round.graph
    round.cards = cards
    round.graph = graph
    const there = new Set([...agents.values()].map((agent) => agent.metadata.uid))
    for (const uid of round.recipients.keys()) if (!there.has(uid)) this.#remove(round, uid)
    const told = new Set<string>()
    for (const { member, known } of listsOf(shape, graph, links)) {
      const agent = agents.get(member.name)
      const sandbox = agent?.status?.sandbox
      if (!agent || !sandbox) continue
      const { uid, namespace, name } = agent.metadata
      told.add(uid)
      const old = round.recipients.get(uid)
      const head = headOf(shape, epoch, positionOf(member))
      const letter = isSame && old?.letter.head === head ? old.letter : letterOf(old?.letter, { head, epoch, cards: pick(cards, known) })
      const address = this.#options.addressOf(sandbox, this.#options.tokenOf(namespace, agent.spec.swarm, name))
      const recipient = { process: '', failures: 0, ...old, agent, sandboxId: sandbox.id, address, letter }
      round.recipients.set(uid, recipient)
      this.#roundOf.set(uid, key)
      this.#post(key, recipient)
    }
    for (const uid of round.recipients.keys()) if (!told.has(uid)) this.#outbox.drop(uid)
  }

  /** What is told of each agent that takes tasks; the same map when nothing of it has changed. */
  #cards({ links, cards: before }: Round, positionOf: ReturnType<typeof positionsOf>): ReadonlyMap<string, Card> {
    const { shape, agents, linked } = links
    const capabilities = new Map(shape.groups.map((group) => [group.name, group.capabilities]))
    const cards = new Map<string, Card>()
    let isNew = false
    for (const member of linked) {
      const agent = agents.get(member.name)
      const sandbox = agent?.status?.sandbox
      if (!agent || !sandbox) continue
      const { namespace, name } = agent.metadata
      const address = this.#options.addressOf(sandbox, this.#options.tokenOf(namespace, agent.spec.swarm, name))
      const position = positionOf(member)
      const text = cardOf({ agent: name, capabilities: capabilities.get(member.group) ?? [], position, address })
      const old = before.get(name)
      if (old?.text !== text) isNew = true
      cards.set(name, old?.text === text ? old : { text })
    }
    return isNew || cards.size !== before.size ? cards : before
  }

  /** Has an agent told, if it answers and has not taken that yet. */
  #post(key: string, recipient: Recipient): void {
    const { agent, letter, sandboxId, taken, tried } = recipient
    const { uid } = agent.metadata
    const sinceMs = this.#options.answersSinceMs(uid)
    if (sinceMs === undefined || recipient.deafSandboxId === sandboxId) return this.#outbox.drop(uid)
    recipient.process = `${sandboxId} ${sinceMs}`
    const isKnown = taken?.process === recipient.process
    if (hasTaken(recipient)) return this.#outbox.drop(uid)
    const isUrgent = !isKnown || taken.letter.head !== letter.head
    // One that finds every epoch too low is told of the next ones later and later.
    const isFresh = tried?.process !== recipient.process || (tried.letter.epoch < letter.epoch && recipient.failures <= 1)
    this.#outbox.put({ id: uid, lane: key, isUrgent }, isFresh)
  }

  async #deliver(uid: string): Promise<'done' | 'again'> {
    const found = this.#find(uid)
    if (!found || hasTaken(found.recipient)) return 'done'
    const { letter, address, process, sandboxId } = found.recipient
    found.recipient.tried = { letter, process }
    const cards = letter.cards.map((card) => card.text)
    const answer = await this.#options.deliver({ address, path: PATH, body: bodyOf(letter.head, cards) }, ANSWER_MS)
    const result = resultOf(answer, { epoch: letter.epoch, sandboxId })
    this.#published.inc({ result: result.kind })
    const after = this.#find(uid) // the swarm may have changed meanwhile
    if (!after) return 'done'
    switch (result.kind) {
      case 'taken':
        after.recipient.taken = { letter, process }
        after.recipient.failures = 0
        return 'done'
      case 'unsupported':
        after.recipient.deafSandboxId = sandboxId
        return 'done'
      case 'higherEpoch':
        if (raise(letter.epoch, result.epoch) > letter.epoch) {
          after.round.heardEpoch = Math.max(after.round.heardEpoch, result.epoch)
          this.#options.wake(after.key)
        }
        return this.#failed(after.recipient, result.why)
      case 'refused':
      case 'noAnswer':
        return this.#failed(after.recipient, result.why)
    }
  }

  #failed(recipient: Recipient, why: string): 'again' {
    recipient.failures += 1
    if (recipient.failures === TELL_AFTER) {
      const message = `PUT ${PATH} is not taken: ${why}; it goes on with what it knew before, and is told again, at last every 30 s`
      this.#options.events.record(recipient.agent, { type: 'Warning', reason: REASON.neighboursNotTaken, message })
    }
    return 'again'
  }
}

const hasTaken = ({ taken, letter, process }: Recipient) => taken?.letter === letter && taken.process === process

function pick(cards: ReadonlyMap<string, Card>, names: readonly string[]): Card[] {
  return names.flatMap((name) => cards.get(name) ?? [])
}

function letterOf(old: Letter | undefined, letter: Letter): Letter {
  const isSame = old?.head === letter.head && old.cards.length === letter.cards.length && old.cards.every((c, i) => c === letter.cards[i])
  return isSame ? old : letter
}

const RESULTS = ['taken', 'unsupported', 'higherEpoch', 'refused', 'noAnswer'] as const satisfies readonly Result['kind'][]

function metricsOf(registry: Registry, pending: () => number): Counter<'result'> {
  const metrics = metricFactory(registry)
  const counter = metrics.counter({
    name: 'swarmops_operator_topology_publications_total',
    help: 'Requests by which agents were told their role and neighbours, by what came of them.',
    labelNames: ['result'] as const,
  })
  for (const result of RESULTS) counter.inc({ result }, 0)
  metrics.gauge({
    name: 'swarmops_operator_topology_pending',
    help: 'Agents that do not know yet what has changed in their swarm.',
    collect() {
      this.set(pending())
    },
  })
  return counter
}
