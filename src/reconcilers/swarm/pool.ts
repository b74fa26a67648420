import type { Allowance, Limit } from '../../scaling/budget.ts'
import { byName } from './order.ts'
import { successorOf } from './successor.ts'
import { kindOf, type Action, type PoolPlan, type WarmSeen, type World } from './world.ts'

/** Sandboxes of a pool that are made at the same time: who needs an agent now comes before who may need one later. */
export const REFILL_AT_ONCE = 2

/** The warm sandboxes that are still to be had while a swarm is planned: the quickest ones first. */
export class Pool {
  readonly #shapes: ReadonlyMap<string, string>
  #free: readonly WarmSeen[]
  /** Those that count as agents that run, the ones that are taken meanwhile included. */
  readonly counted: number

  constructor({ pool }: Pick<World, 'pool'>) {
    this.#shapes = pool?.shapes ?? new Map()
    this.#free = (pool?.warm ?? []).toSorted((a, b) => ORDER[a.state] - ORDER[b.state] || byName(a, b))
    this.counted = this.#free.filter(countsForBudget).length
  }

  /** One from which an agent of this revision and group can be made. */
  find(revision: string, group: string): WarmSeen | undefined {
    const shape = this.#shapes.get(shapeKey(revision, group))
    return this.#free.find((w) => isUsable(w) && shape !== undefined && w.shape === shape)
  }

  /** It is not to be had any more. */
  take(taken: WarmSeen): void {
    this.#free = this.#free.filter((w) => w !== taken)
  }

  /** Those that nobody has taken. */
  get rest(): readonly WarmSeen[] {
    return this.#free
  }
}

const ORDER: Readonly<Record<WarmSeen['state'], number>> = { Running: 0, Paused: 1, Making: 2 }

/** Names the shape of a group in a revision; the template of the pool itself has the empty group. */
export const shapeKey = (revision: string, group: string): string => `${revision}/${group}`

const isUsable = (w: WarmSeen) => !w.deleting && !w.failed && !w.isEnding
const countsForBudget = (w: WarmSeen) => w.state !== 'Paused' && !w.failed

/**
 * What to do about the warm pool once all else is planned; nothing without one.
 *
 * - Sandboxes that nobody could take any more, because of another template or of their age, go, and those that are too many.
 * - Where the budget or the provider has no room for agents that are wanted, running ones of the pool make it.
 * - It is filled a few at a time, and not while agents wait for their sandboxes.
 * - In the place of one that was lost comes another one, later and later when those are lost as well.
 */
export function planPool(world: World, pool: Pool, allowance: Allowance): PoolPlan | undefined {
  if (!world.pool) return undefined
  const { replicas, isShort, shapes } = world.pool
  const revision = revisionOf(world)
  const shape = shapes.get(shapeKey(revision, ''))
  const there = pool.rest.filter((w) => !w.deleting)
  const lost = there.filter((w) => w.failed)
  const fitting = there.filter((w) => isUsable(w) && shape !== undefined && w.shape === shape)
  const useless = there.filter((w) => !w.failed && !fitting.includes(w))
  const surplus = fitting.slice(replicas)
  const room = roomNeeded(world, allowance)
  const helps = (w: WarmSeen) => room.ofObjects || countsForBudget(w)
  const needed = room.needed - [...useless, ...surplus, ...pool.rest.filter((w) => w.deleting)].filter(helps).length
  const kept = fitting.slice(0, replicas)
  const evicted = needed > 0 ? kept.filter(helps).slice(-needed) : []
  const staying = kept.filter((w) => !evicted.includes(w))
  const actions: Action[] = [
    ...useless.map((w): Action => ({ do: 'deleteAgent', name: w.name, reason: 'WarmOutdated' })),
    ...surplus.map((w): Action => ({ do: 'deleteAgent', name: w.name, reason: 'WarmSurplus' })),
    ...evicted.map((w): Action => ({ do: 'deleteAgent', name: w.name, reason: 'MadeRoom' })),
  ]
  const isHeld = isShort || allowance.held.withheld > 0 || world.agents.some((a) => a.state === 'Running' && !a.failed && !a.isStarted)
  const making = staying.filter((w) => w.state === 'Making').length
  const refill = {
    revision,
    missing: Math.max(0, replicas - staying.length),
    atOnce: isHeld ? 0 : Math.max(0, mostAtOnce(world, revision, there) - making),
  }
  const filled = fill(refill, { lost, allowance, nowMs: world.nowMs })
  return {
    actions: [...actions, ...filled.actions],
    replicas: staying.length,
    readyReplicas: staying.length - making,
    withheld: filled.withheld,
    ...(filled.heldBy && { heldBy: allowance.told(filled.heldBy) }),
    ...(filled.checkAgainMs !== undefined && { checkAgainMs: filled.checkAgainMs }),
  }
}

type Refill = { revision: string; missing: number; atOnce: number }
type Filled = { actions: Action[]; withheld: number; heldBy?: Limit; checkAgainMs?: number }

/** How many sandboxes, or objects, others need that have none: agents of this swarm, or of others in its namespace. */
function roomNeeded({ limits = [], pool }: World, { held, heldBy }: Allowance): { needed: number; ofObjects: boolean } {
  const exceeded = limits.filter(({ left }) => left.WarmPool < 0)
  const gone = Math.max(0, ...limits.map(({ cap }) => Number(cap.gone ?? 0n)))
  return {
    needed: -gone + Math.max(held.withheld, Number(pool?.isShort ?? false), ...exceeded.map(({ left }) => -left.WarmPool)),
    ofObjects: [...exceeded, ...(heldBy ? [heldBy] : [])].some(({ cap }) => cap.counts === 'Objects'),
  }
}

/** Makes what is missing; a lost one holds its place until its successor may come. */
function fill({ revision, missing, atOnce }: Refill, seen: { lost: readonly WarmSeen[]; allowance: Allowance; nowMs: number }): Filled {
  const { lost, allowance, nowMs } = seen
  const filled: Filled = { actions: [], withheld: 0 }
  const remove = (w: WarmSeen) => filled.actions.push({ do: 'deleteAgent', name: w.name, reason: 'Replaced' })
  let left = atOnce
  const make = (attempt: number) => {
    left -= 1
    const limit = allowance.take('WarmPool')
    if (!limit) {
      filled.actions.push({ do: 'warmAgent', revision, attempt })
      return
    }
    filled.withheld += 1
    filled.heldBy ??= limit
  }
  for (const w of lost.slice(missing)) remove(w)
  for (const w of lost.slice(0, missing)) {
    const { attempt, atMs } = successorOf(w)
    if (atMs > nowMs) filled.checkAgainMs = Math.min(filled.checkAgainMs ?? Infinity, atMs - nowMs)
    else if (left > 0) {
      make(attempt)
      remove(w)
    }
  }
  for (let n = lost.length; n < missing && left > 0; n += 1) make(0)
  return filled
}

/** Where cost is limited, the first of its kind comes alone and tells its size. */
const mostAtOnce = ({ sized }: World, revision: string, there: readonly WarmSeen[]): number =>
  !sized || sized.includes(kindOf({ revision, group: '' })) ? REFILL_AT_ONCE : Number(there.length === 0)

/** The revision that a pool is kept for: the one that most agents are wanted of. */
function revisionOf({ rollout, updateRevision }: World): string {
  const sizes = (rollout?.sides ?? []).map(({ revision, groups }) => ({ revision, size: groups.reduce((n, g) => n + g.replicas, 0) }))
  const [largest] = sizes.sort((a, b) => b.size - a.size)
  return largest?.revision ?? updateRevision
}
