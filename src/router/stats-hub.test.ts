import { describe, it } from 'mocha'
import { expect } from 'chai'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { Writable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Swarm } from '../api/objects.ts'
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
  status: { traffic: [{ revision: 'r1', percent: 95 }, { revision: 'r2', percent: 5 }] }, // prettier-ignore
} as unknown as Swarm

describe('the statistics', () => {
  it('tell what is urgent in the same turn, although the last word was a moment ago', async () => {
    const world = new World<Call>({ sandboxUrl: 'http://g', now: () => 0 })
    world.putSwarm(swarm)
    const entry = world.find('n', 's')
    if (!entry) throw new Error('there is no swarm')
    let text = ''
    const response = new ServerResponse(new IncomingMessage(new Socket()))
    const stream = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        text += chunk.toString()
        done()
      },
    })
    response.assignSocket(Object.assign(new Socket(), { write: stream.write.bind(stream) }))
    const hub = new StatsHub(world, 'router', () => 0)
    hub.serve(response)
    hub.tell(entry)
    await nextTurn()
    const before = text.length
    hub.tell(entry)
    await nextTurn()
    const line = text
      .slice(before)
      .split('\n')
      .find((part) => part.startsWith('{'))
    expect(JSON.parse(line ?? '{}')).to.deep.include({
      type: 'delta',
      swarms: [{ namespace: 'n', swarm: 's', queued: 0, revisions: [], shares: swarm.status?.traffic }],
    })
    hub.stop()
  })
})
