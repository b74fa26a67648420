import { randomInt } from 'node:crypto'
import type { Swarm } from '../../api/objects.ts'
import type { Action, Successor } from './world.ts'

type Create = Extract<Action, { do: 'createAgent' | 'warmAgent' }>

/** A new agent, or sandbox of the warm pool, with the name that it gets. */
export type NamedCreate = Create & { readonly name: string }

/** An action that is about to be done. */
export type Deed = Exclude<Action, Create> | NamedCreate

/** The actions of a plan, with names for new agents: from then on all are known by name, also one whose creation is not answered. */
export function deedsOf({ metadata: { name } }: Swarm, actions: readonly Action[]): readonly Deed[] {
  const named = (group: string) => [name, group, randomName()].filter(Boolean).join('-')
  return actions.map((action) => {
    if (action.do === 'createAgent') return { ...action, name: named(action.group) }
    return action.do === 'warmAgent' ? { ...action, name: named('') } : action
  })
}

/** It makes a new object. */
export const isCreate = (deed: Deed): deed is NamedCreate => deed.do === 'createAgent' || deed.do === 'warmAgent'

/** The successor of a lost agent that this is, if it is one. */
export function successorIn(create: NamedCreate): Successor[] {
  if (create.do === 'warmAgent' || !create.replaces) return []
  const { group, place, revision, attempt, replaces } = create
  return [{ group, place, revision, attempt, replaces }]
}

const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'
const randomName = () => Array.from({ length: 6 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
