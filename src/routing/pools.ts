import { PART } from '../topology/parts.ts'
import { Pool, type Slot } from './slot.ts'

/** Any capability. */
export const ANY = ''

/** What a pool is asked for. */
export type PoolWish = { readonly part?: string | undefined; readonly capability?: string | undefined }

/** Where the agents of a part that have a capability are found. */
export const poolKey = ({ part = PART.whole, capability = ANY }: PoolWish): string =>
  part === PART.whole ? capability : `${part}\n${capability}`

/** The same for the agents of one group; such pools are there with the strategy Adaptive only. */
export const groupKey = (wish: PoolWish, group: string): string => `${poolKey(wish)}\n\n${group}`

/** Where one agent belongs. */
export type Places = { readonly parts: readonly string[]; readonly capabilities: readonly string[]; readonly hasGroups: boolean }

/** Puts an agent into every pool where it belongs, as one that is not free. */
export function joinPools(slot: Slot, pools: Map<string, Pool>, { parts, capabilities, hasGroups }: Places): void {
  for (const part of [PART.whole, ...parts]) {
    for (const capability of [ANY, ...capabilities]) {
      join(slot, pools, poolKey({ part, capability }))
      if (hasGroups) join(slot, pools, groupKey({ part, capability }, slot.facts.group))
    }
  }
}

/** Takes an agent out of all its pools. */
export function leavePools(slot: Slot): void {
  for (let i = 0; i < slot.places.length; i++) {
    Pool.setFree(slot, i, false)
    slot.places[i]?.pool.members.delete(slot)
  }
  slot.places.length = 0
}

function join(slot: Slot, pools: Map<string, Pool>, key: string): void {
  let pool = pools.get(key)
  if (!pool) pools.set(key, (pool = new Pool()))
  pool.members.add(slot)
  slot.places.push({ pool, at: -1 })
}
