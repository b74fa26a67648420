import { describe, it } from 'mocha'
import { expect } from 'chai'
import { Tally } from './tally.ts'
import type { AgentStats, Frame } from './wire.ts'

const agent = (over: Partial<AgentStats> = {}): AgentStats => ({
  namespace: 'n',
  swarm: 's',
  agent: 'a',
  uid: 'u',
  inFlight: 0,
  draining: false,
  done: 0,
  failed: 0,
  ...over,
})
const snapshot = (router: string, ...agents: AgentStats[]): Frame => ({ v: 1, type: 'snapshot', router, more: false, agents, swarms: [] })
const delta = (...agents: AgentStats[]): Frame => ({ v: 1, type: 'delta', agents })
const ended = (over: object = {}) => ({ namespace: 'n', agent: 'a', uid: 'u', done: 0, failed: 0, latency: [], ...over })

const CASES: Record<string, { frames: (Frame | 'lost')[]; want: unknown }> = {
  'what was counted before the router was first heard is not new': { frames: [snapshot('r', agent({ done: 90, failed: 9 }))], want: [] },
  'what comes after that is': {
    frames: [snapshot('r', agent({ done: 90, latency: [0, 90] })), delta(agent({ done: 92, failed: 1, latency: [1, 91] }))],
    want: [ended({ done: 2, failed: 1, latency: [1, 1] })],
  },
  'an agent that is new is counted from 0': {
    frames: [snapshot('r'), delta(agent({ done: 2, latency: [2] }))],
    want: [ended({ done: 2, latency: [2] })],
  },
  'an agent that took the name of another is counted from 0': {
    frames: [snapshot('r', agent({ done: 5 })), delta(agent({ uid: 'v', done: 1 }))],
    want: [ended({ uid: 'v', done: 1 })],
  },
  'an agent that came back after it was gone is counted from 0': {
    frames: [
      snapshot('r', agent({ done: 5 })),
      { v: 1, type: 'delta', goneAgents: [{ namespace: 'n', agent: 'a' }] },
      delta(agent({ done: 6 })),
    ],
    want: [ended({ done: 6 })],
  },
  'a change that ends no attempt is no news': { frames: [snapshot('r', agent()), delta(agent({ inFlight: 3, draining: true }))], want: [] },
  'a heartbeat is no news': { frames: [snapshot('r', agent()), { v: 1, type: 'heartbeat' }], want: [] },
  'what ended while the connection was lost comes with the next snapshot': {
    frames: [snapshot('r', agent({ done: 5 })), 'lost', snapshot('r', agent({ done: 8 }))],
    want: [ended({ done: 3 })],
  },
  'a snapshot of another run of the router is a new beginning': {
    frames: [snapshot('r', agent({ done: 5 })), 'lost', snapshot('r2', agent({ done: 8 }))],
    want: [],
  },
  'a snapshot that was cut off is forgotten': {
    frames: [
      snapshot('r', agent({ done: 5 })),
      { v: 1, type: 'snapshot', router: 'r', more: true, agents: [agent({ agent: 'b', done: 4 })], swarms: [] },
      'lost',
      snapshot('r', agent({ done: 6 })),
    ],
    want: [ended({ done: 1 })],
  },
  'a router that tells no latencies is understood': {
    frames: [snapshot('r', agent()), delta(agent({ done: 1 }))],
    want: [ended({ done: 1 })],
  },
}

describe('the tally of one router', () => {
  for (const [name, c] of Object.entries(CASES))
    it(name, () => {
      const tally = new Tally()
      let last: unknown
      for (const frame of c.frames) {
        if (frame === 'lost') tally.lost()
        else last = tally.take(frame)
      }
      expect(last).to.deep.equal(c.want)
    })
})
