import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import type { GroupSpec } from '../api/swarm-group.ts'
import type { Topology } from '../api/topology.ts'
import { graphOf, linksIn, type Graph, type Member } from './graph.ts'
import { MAX_NEIGHBOURS } from './limits.ts'

const group = (name: string, over: Partial<GroupSpec> = {}): GroupSpec => ({ name, role: 'Worker', replicas: 1, capabilities: [], ...over })
const member = (name: string, over: Partial<Member> = {}): Member => ({ name, group: '', place: 0, ...over })
const PLAIN = [group('', { replicas: 3 })]
const LED = [group('lead', { role: 'Coordinator', replicas: 2 }), group('work', { replicas: 2 })]
const led = [
  member('l1', { group: 'lead' }),
  member('l2', { group: 'lead', place: 1 }),
  member('w1', { group: 'work' }),
  member('w2', { group: 'work', place: 1 }),
]
const plain = [member('a'), member('b', { place: 1 }), member('c', { place: 2 })]

describe('graph of a topology', () => {
  const cases: Record<
    string,
    { topology: Topology; groups: readonly GroupSpec[]; members: readonly Member[]; want: object; links: number }
  > = {
    'mesh: everybody knows everybody': {
      topology: { type: 'Mesh' },
      groups: PLAIN,
      members: plain,
      want: { a: ['b', 'c'], b: ['a', 'c'], c: ['a', 'b'] },
      links: 3,
    },
    'mesh of one': { topology: { type: 'Mesh' }, groups: PLAIN, members: [member('a')], want: { a: [] }, links: 0 },
    'hierarchical: coordinators know all, workers know each other': {
      topology: { type: 'Hierarchical' },
      groups: LED,
      members: led,
      want: { l1: ['l2', 'w1', 'w2'], l2: ['l1', 'w1', 'w2'], w1: ['l1', 'l2', 'w2'], w2: ['l1', 'l2', 'w1'] },
      links: 6,
    },
    'star: spokes know the hub only': {
      topology: { type: 'Star' },
      groups: LED,
      members: led,
      want: { l1: ['l2', 'w1', 'w2'], l2: ['l1', 'w1', 'w2'], w1: ['l1', 'l2'], w2: ['l1', 'l2'] },
      links: 5,
    },
    'ring of agents: each knows the next': {
      topology: { type: 'Ring' },
      groups: PLAIN,
      members: plain,
      want: { a: ['b'], b: ['c'], c: ['a'] },
      links: 3,
    },
    'ring both ways': {
      topology: { type: 'Ring', bidirectional: true },
      groups: PLAIN,
      members: plain,
      want: { a: ['b', 'c'], b: ['a', 'c'], c: ['a', 'b'] },
      links: 3,
    },
    'ring of groups: each agent knows the agents of the next stage, spares too': {
      topology: { type: 'Ring' },
      groups: [group('x', { replicas: 2 }), group('y')],
      members: [member('x1', { group: 'x' }), member('x2', { group: 'x', place: 1 }), member('y1', { group: 'y' })],
      want: { x1: ['y1'], x2: ['y1'], y1: ['x1', 'x2'] },
      links: 2,
    },
  }
  for (const [name, c] of Object.entries(cases)) {
    it(name, () => {
      const graph = graphOf(c.topology, c.groups, c.members)
      expect(Object.fromEntries(graph)).to.deep.equal(c.want)
      expect(linksIn(graph)).to.equal(c.links)
    })
  }

  const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,6}$/), { minLength: 1, maxLength: 60 })
  const bounded = (list: readonly string[], maxDegree: number) =>
    graphOf(
      { type: 'Mesh', maxDegree },
      PLAIN,
      list.map((n) => member(n)),
    )

  it('is connected within the bound on the degree, and known both ways', () => {
    fc.assert(
      fc.property(names, fc.integer({ min: 2, max: 9 }), (list, maxDegree) => {
        const graph = bounded(list, maxDegree)
        for (const [name, known] of graph) {
          expect(known.length).to.be.at.most(maxDegree)
          for (const other of known) expect(graph.get(other)).to.include(name)
        }
        expect(reached(graph, list[0] ?? '')).to.equal(list.length)
      }),
    )
  })

  const many = (group: string, count: number) => Array.from({ length: count }, (_, place) => member(`${group}-${place}`, { group, place }))
  const large: Record<string, { topology: Topology; groups: readonly GroupSpec[]; members: readonly Member[] }> = {
    'a mesh': { topology: { type: 'Mesh' }, groups: PLAIN, members: many('', 300) },
    'a hierarchy': { topology: { type: 'Hierarchical' }, groups: LED, members: [...many('lead', 3), ...many('work', 300)] },
    'a star': { topology: { type: 'Star' }, groups: LED, members: [...many('lead', 3), ...many('work', 300)] },
    'a ring whose stages are large': {
      topology: { type: 'Ring', bidirectional: true },
      groups: [group('x'), group('y'), group('z')],
      members: [...many('x', 250), ...many('y', 300), ...many('z', 2)],
    },
  }
  for (const [what, { topology, groups, members }] of Object.entries(large)) {
    it(`is bounded in ${what} of hundreds; all stay connected, and one that goes changes each list by one`, () => {
      const graph = graphOf(topology, groups, members)
      for (const [name, known] of graph) {
        expect(known.length, name).to.be.within(1, MAX_NEIGHBOURS)
        expect(new Set(known).size).to.equal(known.length)
        expect(known).to.not.include(name)
      }
      expect(reached(graph, members[0]?.name ?? '')).to.equal(members.length)
      const gone = members[100]?.name ?? ''
      const after = graphOf(
        topology,
        groups,
        members.filter((m) => m.name !== gone),
      )
      const joined = [...after].map(([name, known]) => known.filter((n) => !graph.get(name)?.includes(n)).length)
      expect(Math.max(...joined)).to.be.at.most(1)
    })
  }

  it('lets every worker of a large hierarchy know every coordinator', () => {
    const graph = graphOf({ type: 'Hierarchical' }, LED, large['a hierarchy']?.members ?? [])
    for (const [name, known] of graph) if (name.startsWith('work')) expect(known).to.include.members(['lead-0', 'lead-1', 'lead-2'])
  })

  it('does not depend on the order in which agents are seen', () => {
    fc.assert(
      fc.property(names, (list) => {
        expect(bounded([...list].reverse(), 4)).to.deep.equal(bounded(list, 4))
      }),
    )
  })

  it('changes only near an agent that comes or goes', () => {
    fc.assert(
      fc.property(names, fc.integer({ min: 2, max: 6 }), (list, maxDegree) => {
        const [gone, ...rest] = list
        fc.pre(rest.length > maxDegree + 1)
        const [before, after] = [bounded(list, maxDegree), bounded(rest, maxDegree)]
        const changed = rest.filter(
          (name) =>
            before
              .get(name)
              ?.filter((n) => n !== gone)
              .join() !== after.get(name)?.join(),
        )
        expect(changed.length).to.be.at.most(maxDegree)
      }),
    )
  })
})

function reached(graph: Graph, from: string): number {
  const seen = new Set([from])
  for (const name of seen) for (const next of graph.get(name) ?? []) seen.add(next)
  return seen.size
}
