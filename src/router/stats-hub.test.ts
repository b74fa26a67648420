import { describe, it } from 'mocha'
import { expect } from 'chai'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { Writable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Agent, Swarm } from '../api/objects.ts'
import type { Call } from './call.ts'
import { StatsHub } from './stats-hub.ts'
import { World } from './world.ts'

// The parse border of the tests: what the API server would have filled in and checked.
const swarm = {
  metadata: { namespace: 'n', name: 's' },
  spec: {
    template: { maxConcurrentTasks: 4, env: [], files: [], readiness: { path: '/', timeout: '1s', interval: '2s', failureThreshold: 5 } },
    routing: {
      strategy: 'LeastLoaded',
      timeout: '30s',
      retries: { attempts: 3, budgetPercent: 100 },
      circuitBreaker: { consecutiveFailures: 5, openFor: '5s' },
      queue: { maxPending: 10, timeout: '10s' },
    },
  },
  status: {
    traffic: [{ revision: 'r1', percent: 95 }, { revision: 'r2', percent: 5 }], // prettier-ignore
    guard: { run: 'g1', revision: 'r2', stable: 'r1', maxErrorPercent: 100, minSamples: 10, window: '30s' },
  },
} as unknown as Swarm
const agent = (name: string, revision: string) =>
  ({
    metadata: { namespace: 'n', name, uid: name },
    spec: { swarm: 's', group: '', place: 0, revision, state: 'Running' },
  }) as unknown as Agent

/** A hub that one reader listens to, who hears the lines that come after this. */
function listenTo(world: World<Call>, heard: (line: string) => void): StatsHub {
  const response = new ServerResponse(new IncomingMessage(new Socket()))
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      for (const line of chunk.toString().split('\n')) if (line.startsWith('{') && !line.includes('"snapshot"')) heard(line)
      done()
    },
  })
  response.assignSocket(Object.assign(new Socket(), { write: stream.write.bind(stream) }))
  const hub = new StatsHub(world, 'router', () => 0)
  hub.serve(response)
  return hub
}

describe('the statistics', () => {
  const world = new World<Call>({ sandboxUrl: 'http://g', now: () => 0 })
  world.putSwarm(swarm)
  world.putAgent(agent('stable', 'r1'))
  world.putAgent(agent('canary', 'r2'))
  const entry = world.find('n', 's')
  if (!entry) throw new Error('there is no swarm')
  const host = (name: string) => {
    const found = entry.hosts.get(name)
    if (!found) throw new Error(`there is no agent ${name}`)
    return found
  }

  it('tell what is urgent in the same turn, although the last word was a moment ago', async () => {
    const lines: string[] = []
    const hub = listenTo(world, (line) => lines.push(line))
    hub.tell(entry)
    await nextTurn()
    lines.length = 0
    hub.tell(entry)
    await nextTurn()
    const told: unknown = JSON.parse(lines[0] ?? '{}')
    expect(told).to.deep.include({ type: 'delta' })
    expect(told).to.have.deep.nested.property('swarms[0].shares', swarm.status?.traffic)
    hub.stop()
  })

  it('tell failures of a revision that is rolled out before all else that was to be gathered, and other failures with the rest', async () => {
    const order: string[] = []
    const both = Promise.withResolvers<void>()
    const hubs = ['stable', 'canary'].map((name) => {
      const hub = listenTo(world, () => {
        order.push(name)
        if (order.length === 4) both.resolve()
      })
      hub.tell(entry)
      return { hub, name }
    })
    const end = { durationMs: 1, openedCircuit: false, trippedGuard: false, willRetry: false, isOverBudget: false }
    for (const { hub, name } of hubs) {
      hub.attemptEnded(entry, host(name), { ...end, outcome: 'Done' })
      hub.attemptEnded(entry, host(name), { ...end, outcome: 'AgentError' })
    }
    await both.promise
    expect(order).to.deep.equal(['stable', 'canary', 'canary', 'stable'])
    for (const { hub } of hubs) hub.stop()
  })
})
