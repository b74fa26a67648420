import { describe, it } from 'mocha'
import { expect } from 'chai'
import { keptRevision, type Revisions } from './kept-revision.ts'

/** Agents by part and revision; `b` are busy ones, `f` free ones. */
type World = Readonly<Record<string, Readonly<Record<string, string>>>>

const revisionsOf = (world: World): Revisions => ({
  shares: ['r1', 'r2', 'r3'].map((revision) => ({ revision, percent: 33 })),
  hasUp: (part, revision) => (world[part]?.[revision] ?? '') !== '',
  hasFree: (part, revision) => world[part]?.[revision]?.includes('f') ?? false,
})

describe('the revision on which a task goes on', () => {
  const cases: Record<string, { world: World; want: string | undefined }> = {
    'is its own while an agent of it is free': { world: { a: { r1: 'f' }, b: { r1: 'bf', r2: 'f' } }, want: 'r1' },
    'is any when none of its agents is up': { world: { a: { r1: 'f', r2: 'f' }, b: { r2: 'f' } }, want: undefined },
    'is its own when all are busy and the others can keep to theirs': {
      world: { a: { r1: 'b', r2: 'b' }, b: { r1: 'b', r2: 'f' } },
      want: 'r1',
    },
    'is one that stands idle because it is not in all parts': { world: { a: { r1: 'b' }, b: { r1: 'b', r2: 'f' } }, want: 'r2' },
    'is not one that is busy, too': { world: { a: { r1: 'b' }, b: { r1: 'b', r2: 'b' } }, want: 'r1' },
    'passes over one that is in all parts': {
      world: { a: { r1: 'b', r2: 'b' }, b: { r1: 'b', r2: 'f', r3: 'f' } },
      want: 'r3',
    },
  }
  for (const [name, { world, want }] of Object.entries(cases)) {
    it(name, () => expect(keptRevision(revisionsOf(world), { revision: 'r1', part: 'b', parts: ['a', 'b'] }, 0)).to.equal(want))
  }
})
