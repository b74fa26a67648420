import { describe, it } from 'mocha'
import { expect } from 'chai'
import { Call, type CallRequest } from './call.ts'
import { queuesOf } from './queues.ts'
import { SwarmEntry } from './swarm-entry.ts'

type Waiter = Partial<Pick<CallRequest, 'capability' | 'part'>> & { readonly sinceMs: number }

function entryWith(groups: readonly [string, readonly string[]][], waiters: readonly Waiter[]): SwarmEntry<Call> {
  const entry = new SwarmEntry<Call>('n', 's')
  const rules = new Map(groups.map(([name, capabilities]) => [name, { capabilities, limit: 1 }]))
  entry.fleet.setRules({ ...entry.fleet.rules, groups: rules }, 0)
  for (const { sinceMs, ...request } of waiters) {
    const call = new Call(
      {
        id: 'id',
        entry,
        bodyFields: '',
        capability: undefined,
        sessionKey: undefined,
        revision: undefined,
        isIdempotent: true,
        idempotencyKey: 'id',
        trace: { traceId: '', flags: '' },
        timeoutMs: 1_000,
        ...request,
      },
      0,
      () => undefined,
    )
    call.waitingSinceMs = sinceMs
    entry.waiting.add(call.lane, call)
  }
  return entry
}

describe('what waits for a swarm', () => {
  it('is nothing while nothing waits', () => {
    expect(queuesOf(entryWith([['', []]], []), 1_000)).to.deep.equal({ queued: 0 })
  })

  it('is counted in all in a swarm without groups, and as old as the oldest', () => {
    const entry = entryWith([['', []]], [{ sinceMs: 400 }, { sinceMs: 700 }])
    expect(queuesOf(entry, 1_000)).to.deep.equal({ queued: 2, oldestMs: 600 })
  })

  it('counts in every group that could take it, and says which these are', () => {
    const groups: [string, string[]][] = [
      ['momentum', ['momentum']],
      ['pairs', ['pairs']],
    ]
    const entry = entryWith(groups, [{ sinceMs: 900 }, { sinceMs: 950 }, { sinceMs: 200, capability: 'pairs' }])
    expect(queuesOf(entry, 1_000)).to.deep.equal({
      queued: 3,
      oldestMs: 800,
      groups: [
        { group: 'momentum', queued: 2, oldestMs: 100 },
        { group: 'pairs', queued: 3, oldestMs: 800 },
      ],
      shared: [{ groups: ['momentum', 'pairs'], queued: 2 }],
    })
  })
})
