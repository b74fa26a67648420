import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import type { GroupSpec } from '../../api/swarm-group.ts'
import type { Topology } from '../../api/topology.ts'
import { graphOf, type Member } from '../../topology/graph.ts'
import { bodyOf, cardOf, headOf, listsOf, positionsOf, resultOf, type Shape } from './plan.ts'

const group = (name: string, over: Partial<GroupSpec> = {}): GroupSpec => ({ name, role: 'Worker', replicas: 1, capabilities: [], ...over })
const member = (name: string, group = '', place = 0): Member => ({ name, group, place })
const LED = [group('lead', { role: 'Coordinator', replicas: 2 }), group('work', { replicas: 2 })]
const STAGES = [group('a'), group('b')]
const shape = (spec: Topology, groups: readonly GroupSpec[]): Shape => ({ spec, groups })

describe('the position of an agent', () => {
  const cases: Record<string, { shape: Shape; leader?: string; member: Member; want: object }> = {
    'is Leader for the one that leads': {
      shape: shape({ type: 'Hierarchical' }, LED),
      leader: 'l1',
      member: member('l1', 'lead'),
      want: { role: 'Leader' },
    },
    'is Standby for the other coordinators': {
      shape: shape({ type: 'Star' }, LED),
      leader: 'l1',
      member: member('l2', 'lead'),
      want: { role: 'Standby' },
    },
    'is Standby for coordinators as long as nobody leads': {
      shape: shape({ type: 'Star' }, LED),
      member: member('l2', 'lead'),
      want: { role: 'Standby' },
    },
    'is Worker for a worker, whatever its name': {
      shape: shape({ type: 'Star' }, LED),
      leader: 'w1',
      member: member('w1', 'work'),
      want: { role: 'Worker' },
    },
    'is Worker for everybody in a mesh': { shape: shape({ type: 'Mesh' }, LED), member: member('l1', 'lead'), want: { role: 'Worker' } },
    'is its group in a ring of groups': {
      shape: shape({ type: 'Ring' }, STAGES),
      member: member('b1', 'b', 3),
      want: { role: 'Worker', stage: 1 },
    },
    'is its place in a ring of agents': {
      shape: shape({ type: 'Ring' }, [group('', { replicas: 3 })]),
      member: member('x', '', 2),
      want: { role: 'Worker', stage: 2 },
    },
    'has no stage in a ring of which its group is no part any more': {
      shape: shape({ type: 'Ring' }, STAGES),
      member: member('old', 'gone'),
      want: { role: 'Worker' },
    },
  }
  for (const [name, c] of Object.entries(cases)) it(name, () => expect(positionsOf(c.shape, c.leader)(c.member)).to.deep.equal(c.want))
})

describe('who is told of whom', () => {
  const SHAPES: Record<string, Shape> = {
    mesh: shape({ type: 'Mesh' }, [group('')]),
    'bounded mesh': shape({ type: 'Mesh', maxDegree: 3 }, [group('')]),
    hierarchy: shape({ type: 'Hierarchical' }, LED),
    star: shape({ type: 'Star' }, LED),
    ring: shape({ type: 'Ring' }, [group('lead'), group('work')]),
    'ring both ways': shape({ type: 'Ring', bidirectional: true }, [group('lead'), group('work')]),
  }
  const members = fc
    .uniqueArray(fc.tuple(fc.stringMatching(/^[a-z]{1,5}$/), fc.constantFrom('lead', 'work'), fc.boolean()), {
      selector: ([name]) => name,
      minLength: 1,
      maxLength: 40,
    })
    .map((list) => list.map(([name, of, isLeaving], place) => ({ ...member(name, of, place), isLeaving })))

  for (const [name, of] of Object.entries(SHAPES)) {
    it(`is within the graph of a ${name}, and nobody is told of one that leaves or of itself`, () => {
      fc.assert(
        fc.property(members, (all) => {
          const linked = all.filter((m) => !m.isLeaving)
          const leaving = all.filter((m) => m.isLeaving)
          const graph = graphOf(of.spec, of.groups, linked)
          const lists = listsOf(of, graph, { linked, leaving })
          for (const { member: to, known } of lists) {
            const allowed = leaving.some((m) => m === to) ? [...graph.keys()] : graph.get(to.name)
            expect(allowed).to.include.members([...known])
            expect(known).to.not.include(to.name)
            for (const gone of leaving) expect(known).to.not.include(gone.name)
          }
          for (const m of linked) expect(lists.some((list) => list.member === m)).to.equal(true)
        }),
      )
    })
  }

  it('begins with coordinators; those that leave are told, workers that leave are not', () => {
    const linked = [member('w1', 'work'), member('l2', 'lead', 1)]
    const leaving = [member('l1', 'lead'), member('w2', 'work', 1)]
    const lists = listsOf(shape({ type: 'Star' }, LED), graphOf({ type: 'Star' }, LED, linked), { linked, leaving })
    expect(lists.map((list) => [list.member.name, list.known])).to.deep.equal([
      ['l1', ['l2', 'w1']],
      ['l2', ['w1']],
      ['w1', ['l2']],
    ])
  })
})

describe('what is published', () => {
  const TOKEN = ['e2b-sandbox-id', 'i1', 'e2b-traffic-access-token', 'secret']
  it('has everything that a request to the neighbour needs', () => {
    const head = headOf(shape({ type: 'Star' }, LED), 1000, { role: 'Leader' })
    const address = { origin: 'http://127.0.0.1:3000', headers: TOKEN }
    const card = cardOf({ agent: 'w1', capabilities: ['sums'], position: { role: 'Worker' }, address })
    expect(JSON.parse(bodyOf(head, [card, card]))).to.deep.equal({
      epoch: 1000,
      topology: 'Star',
      role: 'Leader',
      neighbours: Array.from({ length: 2 }, () => ({
        agent: 'w1',
        url: 'http://127.0.0.1:3000',
        role: 'Worker',
        capabilities: ['sums'],
        headers: { 'e2b-sandbox-id': 'i1', 'e2b-traffic-access-token': 'secret' },
      })),
    })
  })

  it('has no headers where none are needed, and the stages in a ring', () => {
    const head = headOf(shape({ type: 'Ring' }, STAGES), 0, { role: 'Worker', stage: 1 })
    const address = { origin: 'https://8080-i1.e2b.app', headers: [] }
    const card = cardOf({ agent: 'a1', capabilities: [], position: { role: 'Worker', stage: 0 }, address })
    expect(JSON.parse(bodyOf(head, [card]))).to.deep.equal({
      epoch: 0,
      topology: 'Ring',
      role: 'Worker',
      stage: 1,
      stages: 2,
      neighbours: [{ agent: 'a1', url: 'https://8080-i1.e2b.app', role: 'Worker', stage: 0, capabilities: [] }],
    })
  })

  it('is valid with nobody to know', () =>
    expect(JSON.parse(bodyOf(headOf(shape({ type: 'Mesh' }, []), 0, { role: 'Worker' }), []))).to.deep.equal({
      epoch: 0,
      topology: 'Mesh',
      role: 'Worker',
      neighbours: [],
    }))
})

describe('what an agent makes of it', () => {
  const cases: Record<string, { answer: { status: number; body: string } | 'no-answer'; want: object }> = {
    '200': { answer: { status: 200, body: '' }, want: { kind: 'taken' } },
    '204': { answer: { status: 204, body: '' }, want: { kind: 'taken' } },
    '404': { answer: { status: 404, body: 'no such path' }, want: { kind: 'unsupported' } },
    '405': { answer: { status: 405, body: '{}' }, want: { kind: 'unsupported' } },
    '501': { answer: { status: 501, body: '[]' }, want: { kind: 'unsupported' } },
    '404 of the provider': {
      answer: { status: 404, body: '{"sandboxId":"i1","message":"not found"}' },
      want: { kind: 'refused', why: 'the provider answers 404 for it' },
    },
    '502 of the provider': {
      answer: { status: 502, body: '{"sandboxId":"i1"}' },
      want: { kind: 'refused', why: 'the provider answers 502 for it' },
    },
    '409 with a higher epoch': {
      answer: { status: 409, body: '{"epoch":1001}' },
      want: { kind: 'higherEpoch', epoch: 1001, why: 'it refuses epoch 1000, as it knows of 1001' },
    },
    '409 with the same epoch': { answer: { status: 409, body: '{"epoch":1000}' }, want: { kind: 'refused', why: 'it answers 409' } },
    '409 with something else': { answer: { status: 409, body: '{"epoch":"9999"}' }, want: { kind: 'refused', why: 'it answers 409' } },
    '409 that is no JSON': { answer: { status: 409, body: '{"epoch":' }, want: { kind: 'refused', why: 'it answers 409' } },
    '500': { answer: { status: 500, body: 'null' }, want: { kind: 'refused', why: 'it answers 500' } },
    'a redirection': { answer: { status: 307, body: '' }, want: { kind: 'refused', why: 'it answers 307' } },
    'no answer': { answer: 'no-answer', want: { kind: 'noAnswer', why: 'it does not answer in time' } },
  }
  for (const [name, c] of Object.entries(cases))
    it(name, () => expect(resultOf(c.answer, { epoch: 1000, sandboxId: 'i1' })).to.deep.equal(c.want))
})
