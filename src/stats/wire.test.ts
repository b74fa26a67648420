import { describe, it } from 'mocha'
import { expect } from 'chai'
import { Mirror } from './mirror.ts'
import { WireError, decodeFrame, encodeFrame, encodeSnapshot, type AgentStats, type Frame, type SwarmStats } from './wire.ts'

const agent = (name: string, over: Partial<AgentStats> = {}): AgentStats => ({
  namespace: 'n',
  swarm: 's',
  agent: name,
  uid: `uid-${name}`,
  inFlight: 0,
  draining: false,
  done: 0,
  failed: 0,
  ...over,
})
const swarm: SwarmStats = { namespace: 'n', swarm: 's', queued: 2, revisions: [{ revision: 'r', inFlight: 1, done: 2, failed: 3 }] }
const weighted: SwarmStats = { ...swarm, shares: [{ revision: 'r', percent: 60 }], trip: { run: 'guard-1', message: '3 of 5 failed' } }
const frames = (text: string): Frame[] => text.trimEnd().split('\n').map(decodeFrame)

describe('wire format of the statistics', () => {
  it('reads what it writes', () => {
    const delta: Frame = {
      v: 1,
      type: 'delta',
      agents: [agent('a', { latency: [0, 2] })],
      swarms: [swarm, weighted],
      goneAgents: [{ namespace: 'n', agent: 'b' }],
      goneSwarms: [{ namespace: 'n', swarm: 't' }],
    }
    expect(decodeFrame(encodeFrame(delta))).to.deep.equal(delta)
    const waiting: Frame = {
      v: 1,
      type: 'delta',
      swarms: [
        {
          ...swarm,
          oldestMs: 12,
          groups: [{ group: 'lead', queued: 1, oldestMs: 12 }],
          shared: [{ groups: ['lead', 'pairs'], queued: 1 }],
        },
      ],
    }
    expect(decodeFrame(encodeFrame(waiting))).to.deep.equal(waiting)
    expect(decodeFrame(encodeFrame({ v: 1, type: 'heartbeat' }))).to.deep.equal({ v: 1, type: 'heartbeat' })
  })

  it('writes a large snapshot in several lines, the last of which says so', () => {
    const agents = Array.from({ length: 1201 }, (_, i) => agent(`a${i}`))
    const parts = frames(encodeSnapshot('router', agents, [swarm]))
    const shape = parts.map((part) => part.type === 'snapshot' && [part.more, part.agents.length, part.swarms.length])
    expect(shape).to.deep.equal([
      [true, 500, 0],
      [true, 500, 0],
      [false, 201, 1],
    ])
  })

  it('writes one line when there is nothing to say', () => {
    expect(frames(encodeSnapshot('router', [], []))).to.have.length(1)
  })

  const refused = {
    'text that is not JSON': '{',
    'a list': '[]',
    'another version': '{"v":2,"type":"heartbeat"}',
    'an unknown type': '{"v":1,"type":"gossip"}',
    'a snapshot without its run': '{"v":1,"type":"snapshot","more":false,"agents":[],"swarms":[]}',
    'a count below zero': JSON.stringify({ v: 1, type: 'delta', agents: [agent('a', { inFlight: -1 })] }),
    'a count that is no number': JSON.stringify({ v: 1, type: 'delta', agents: [{ ...agent('a'), done: '1' }] }),
    'an agent without a name': JSON.stringify({ v: 1, type: 'delta', agents: [{ ...agent('a'), agent: undefined }] }),
    'latencies that are no counts': JSON.stringify({ v: 1, type: 'delta', agents: [{ ...agent('a'), latency: [1, -1] }] }),
    'more latencies than there are buckets': JSON.stringify({
      v: 1,
      type: 'delta',
      agents: [agent('a', { latency: Array.from({ length: 32 }, () => 1) })],
    }),
    'a wait that is no count': JSON.stringify({ v: 1, type: 'delta', swarms: [{ ...swarm, oldestMs: '5' }] }),
    'a group without a name': JSON.stringify({ v: 1, type: 'delta', swarms: [{ ...swarm, groups: [{ queued: 1 }] }] }),
    'a share that is no count': JSON.stringify({ v: 1, type: 'delta', swarms: [{ ...swarm, shares: [{ revision: 'r', percent: -1 }] }] }),
    'a trip without a reason': JSON.stringify({ v: 1, type: 'delta', swarms: [{ ...swarm, trip: { run: 'guard-1' } }] }),
    'a swarm without revisions': JSON.stringify({ v: 1, type: 'delta', swarms: [{ ...swarm, revisions: undefined }] }),
  }
  for (const [name, line] of Object.entries(refused)) it(`refuses ${name}`, () => expect(() => decodeFrame(line)).to.throw(WireError))

  it('ignores fields that a newer router may add', () => {
    expect(() => decodeFrame(JSON.stringify({ v: 1, type: 'delta', agents: [{ ...agent('a'), p95Ms: 3 }], trips: [] }))).to.not.throw()
  })
})

describe('a mirror of one router', () => {
  it('is complete only after the last line of the first snapshot', () => {
    const mirror = new Mirror()
    const [first, second] = frames(
      encodeSnapshot(
        'r',
        Array.from({ length: 501 }, (_, i) => agent(`a${i}`)),
        [swarm],
      ),
    )
    expect(first && [mirror.apply(first).agents.length, mirror.isComplete]).to.deep.equal([0, false])
    expect(second && [mirror.apply(second).agents.length, mirror.isComplete]).to.deep.equal([501, true])
    expect(mirror.swarm('n', 's')).to.deep.equal(swarm)
  })

  it('takes values of deltas as they are, and tells what changed', () => {
    const mirror = new Mirror()
    mirror.apply({ v: 1, type: 'snapshot', router: 'r', more: false, agents: [agent('a'), agent('b')], swarms: [] })
    const newer = agent('a', { inFlight: 3 })
    expect(mirror.apply({ v: 1, type: 'delta', agents: [newer], goneAgents: [{ namespace: 'n', agent: 'b' }] }).agents).to.deep.equal([
      newer,
      agent('b'),
    ])
    expect([mirror.agent('n', 'a'), mirror.agent('n', 'b')]).to.deep.equal([newer, undefined])
  })

  it('drops with a later snapshot what that does not name', () => {
    const mirror = new Mirror()
    mirror.apply({ v: 1, type: 'snapshot', router: 'r', more: false, agents: [agent('a')], swarms: [swarm] })
    expect(mirror.apply({ v: 1, type: 'snapshot', router: 'r2', more: false, agents: [], swarms: [] }).agents).to.deep.equal([agent('a')])
    expect([mirror.agent('n', 'a'), mirror.swarm('n', 's')]).to.deep.equal([undefined, undefined])
  })

  const told = (stats: readonly SwarmStats[], gone = false): Frame => ({
    v: 1,
    type: 'delta',
    swarms: stats,
    ...(gone && { goneSwarms: [{ namespace: 'n', swarm: 's' }] }),
  })
  const shared = (percent: number) => ({ ...swarm, shares: [{ revision: 'r', percent }] })
  const words: Record<string, { before?: SwarmStats; frame: Frame; want: number }> = {
    'tells of the first shares': { frame: told([shared(5)]), want: 1 },
    'tells of other shares': { before: shared(5), frame: told([shared(25)]), want: 1 },
    'tells of a trip': { before: shared(60), frame: told([weighted]), want: 1 },
    'tells of the trip of another run': { before: weighted, frame: told([{ ...weighted, trip: { run: 'x', message: '' } }]), want: 1 },
    'tells of shares that a swarm has no more': { before: shared(5), frame: told([swarm]), want: 1 },
    'tells of a swarm that is gone': { before: shared(5), frame: told([], true), want: 1 },
    'tells of what a later snapshot has lost': { before: shared(5), frame: { v: 1, type: 'snapshot', router: 'r2', more: false, agents: [], swarms: [] }, want: 1 }, // prettier-ignore
    'is silent about counts alone': { before: shared(5), frame: told([{ ...shared(5), queued: 9 }]), want: 0 },
    'is silent about a swarm without shares': { frame: told([swarm]), want: 0 },
  }
  for (const [name, { before, frame, want }] of Object.entries(words)) {
    it(`${name}, as far as swarms go`, () => {
      const mirror = new Mirror()
      mirror.apply({ v: 1, type: 'snapshot', router: 'r', more: false, agents: [], swarms: before ? [before] : [] })
      expect(mirror.apply(frame).swarms).to.have.length(want)
    })
  }

  it('names what is lost with it: every agent, and swarms of which it has said shares', () => {
    const mirror = new Mirror()
    const other = { ...swarm, swarm: 'other' }
    const first = mirror.apply({ v: 1, type: 'snapshot', router: 'r', more: false, agents: [agent('a')], swarms: [weighted, other] })
    expect(first.swarms).to.deep.equal([weighted])
    expect(mirror.everything).to.deep.equal({ agents: [agent('a')], swarms: [weighted] })
  })
})
