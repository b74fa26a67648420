import type { Address } from '../../api/address.ts'
import type { GroupSpec } from '../../api/swarm-group.ts'
import type { Topology } from '../../api/topology.ts'
import type { Graph, Member } from '../../topology/graph.ts'
import { MAX_NEIGHBOURS } from '../../topology/limits.ts'
import { PART, partsOf, stagesOf } from '../../topology/parts.ts'

/** A topology with the groups of its swarm. */
export type Shape = { readonly spec: Topology; readonly groups: readonly GroupSpec[] }

/** What an agent is among the others; `stage` only in a Ring, from 0. */
export type Position = { readonly role: 'Leader' | 'Standby' | 'Worker'; readonly stage?: number }

/** Tells what an agent is: who leads and who stands by in Hierarchical and Star, its stage in a Ring; all are workers otherwise. */
export function positionsOf({ spec, groups }: Shape, leader: string | undefined): (member: Member) => Position {
  const parts = partsOf(spec, groups)
  const stages = spec.type === 'Ring' ? new Map(stagesOf(groups).map(({ part }, i) => [part, i])) : undefined
  return (member) => {
    const own = parts?.(member) ?? []
    if (own.includes(PART.coordinators)) return { role: member.name === leader ? 'Leader' : 'Standby' }
    const stage = stages?.get(own[0] ?? '')
    return { role: 'Worker', ...(stage !== undefined && { stage }) }
  }
}

/**
 * Who is told of whom. Those in the graph are told of their neighbours in it; a coordinator that leaves is told of
 * everybody, as coordinators are, so that it learns that it does not lead any more. Coordinators come first.
 */
export function listsOf(shape: Shape, graph: Graph, { linked, leaving }: { linked: readonly Member[]; leaving: readonly Member[] }) {
  const parts = partsOf(shape.spec, shape.groups)
  const leads = (member: Member) => parts?.(member).includes(PART.coordinators) ?? false
  const all = [...graph.keys()].slice(0, MAX_NEIGHBOURS)
  const lists = [
    ...leaving.filter(leads).map((member) => ({ member, known: all })),
    ...linked.map((member) => ({ member, known: graph.get(member.name) ?? [] })),
  ]
  return lists.sort((a, b) => Number(leads(b.member)) - Number(leads(a.member)))
}

/** What an agent is told of a neighbour, as JSON. `headers` are what a request to it must carry, a token among them. */
export function cardOf(neighbour: { agent: string; capabilities: readonly string[]; position: Position; address: Address }): string {
  const { agent, capabilities, position, address } = neighbour
  const headers = headersOf(address)
  return JSON.stringify({ agent, url: address.origin, ...position, capabilities, ...(Object.keys(headers).length > 0 && { headers }) })
}

function headersOf({ headers }: Address): Record<string, string> {
  const pairs: Record<string, string> = {}
  for (let i = 0; i + 1 < headers.length; i += 2) pairs[headers[i] ?? ''] = headers[i + 1] ?? ''
  return pairs
}

/** What an agent is told of itself, as JSON; the neighbours are to be added. */
export function headOf({ spec, groups }: Shape, epoch: number, position: Position): string {
  const stages = position.stage === undefined ? {} : { stages: stagesOf(groups).length }
  return JSON.stringify({ epoch, topology: spec.type, ...position, ...stages })
}

/** The whole of what an agent is told. */
export const bodyOf = (head: string, cards: readonly string[]) => `${head.slice(0, -1)},"neighbours":[${cards.join()}]}`

/** What an agent made of it. `why` is for people. */
export type Result =
  | { readonly kind: 'taken' | 'unsupported' }
  | { readonly kind: 'higherEpoch'; readonly epoch: number; readonly why: string }
  | { readonly kind: 'refused' | 'noAnswer'; readonly why: string }

/**
 * | answer                     | what it means                                     |
 * |----------------------------|---------------------------------------------------|
 * | 2xx                        | taken                                             |
 * | 404, 405, 501 of the agent | it has no use for this; it is not asked again     |
 * | 409 with a higher `epoch`  | it knows of a later leader than the operator does |
 * | anything else, or none     | tried again                                       |
 */
export function resultOf(answer: { status: number; body: string } | 'no-answer', sent: { epoch: number; sandboxId: string }): Result {
  if (answer === 'no-answer') return { kind: 'noAnswer', why: 'it does not answer in time' }
  const { status } = answer
  if (status >= 200 && status < 300) return { kind: 'taken' }
  const body = objectIn(answer.body)
  const isProxy = body['sandboxId'] === sent.sandboxId // the provider's own answer
  if (!isProxy && (status === 404 || status === 405 || status === 501)) return { kind: 'unsupported' }
  const epoch = body['epoch']
  if (status === 409 && typeof epoch === 'number' && Number.isSafeInteger(epoch) && epoch > sent.epoch)
    return { kind: 'higherEpoch', epoch, why: `it refuses epoch ${sent.epoch}, as it knows of ${epoch}` }
  return { kind: 'refused', why: isProxy ? `the provider answers ${status} for it` : `it answers ${status}` }
}

function objectIn(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}
